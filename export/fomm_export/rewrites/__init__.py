"""Exact rewrites of the networks that save work at inference.

For every backend:
    portable       batch norms folded into convolutions; up blocks as transposed convolutions; one last convolution
    affine_motion  sparse motion as affine maps
    heads          heads that read the same features as one convolution

For the CPU variant:
    cpu_generator  the generator, built from those below
    row_warp       sampling of features stored one pixel per row
    winograd       residual blocks by Winograd's convolution
    phases         up blocks and the last convolution on four phases of half resolution
    phase_blend    the blend with the source on four phases
"""
