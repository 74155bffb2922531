// Grid sample, as TensorRT launches it from within an engine: what grid_sample.cu computes, block by block as there.
//
// Parameters  inputs, numbers, outputs: the order in which TensorRT passes what a plugin ahead of time is given, all of
//             it pointers and ints. Tensors are dense, so that sizes say their strides
//
//             source         (sources, channels, source_height, source_width); sources: batch, or 1 for all of it
//             grid           (batch, height, width, 2) float, (x, y) in [-1, 1]
//             pixels         that a block takes
//             channels_last  whether the channels of a pixel lie together, in source and out; they are then whole pieces
//                            of 16 bytes, and both tensors begin at such a boundary
//             out            (batch, channels, height, width)
//
// Compile     nvcc -std=c++17 -arch=sm_90 -I include -D FOMM_HALF=1 -D FOMM_BLOCK_SIZE=256 -cubin grid_sample_plugin.cu
#include "grid_sample.h"

FOMM_FUNCTION Tensor dense(void* address, int batch, int channels, int height, int width, bool channels_last) {
    const long long plane = static_cast<long long>(height) * width, column = channels_last ? channels : 1;
    return {address, batch, channels, height, width, channels * plane, channels_last ? 1 : plane, column * width, column};
}

FOMM_FUNCTION GridSample arguments(void* source, const float* grid, int sources, int batch, int channels,
                                   int source_height, int source_width, int height, int width, int pixels,
                                   int align_corners, int channels_last, void* out) {
    Tensor from = dense(source, sources, channels, source_height, source_width, channels_last);
    if (sources == 1) from.batch_stride = 0;
    return {from, dense(out, batch, channels, height, width, channels_last), grid, align_corners, pixels, channels_last};
}

FOMM_PLAIN_KERNEL(grid_sample_plugin, grid_sample,
                  arguments(source, grid, sources, batch, channels, source_height, source_width, height, width, pixels,
                            align_corners, channels_last, out),
                  void* source, const float* grid, int sources, int batch, int channels, int source_height,
                  int source_width, int height, int width, int pixels, int align_corners, int channels_last, void* out)
