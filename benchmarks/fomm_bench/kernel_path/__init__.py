"""The kernel path with its convolutions in PyTorch, to prove and time it where there is no TensorRT."""
