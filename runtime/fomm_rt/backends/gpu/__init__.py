"""The kernel path: the project's kernels between the convolutions of a frame."""
