// Grid sample: a picture at given places.
//
//     out(y, x)      source at grid(y, x), bilinear
//     pixel          of a coordinate x among W:  align_corners: (x + 1) / 2 · (W − 1);  not: ((x + 1) · W − 1) / 2
//     border         a tap off the picture counts as 0, whatever its weight, so that values fall to 0 over one pixel;
//                    NaN, infinity and what lies further off give 0
//
// What PyTorch's grid_sample and ONNX's GridSample do in four dimensions, but with coordinates in float32 whatever the
// storage of the pictures: half coordinates would be off by up to 1/32 pixel at 256 pixels.
//
// Layout      source (N or 1, C, H, W) and out (N, C, h, w): any strides, fastest when channels lie together
//             grid (N, h, w, 2) float, (x, y) in [-1, 1]
// Threads     a block takes `pixels` neighbouring output pixels, batch in y:
//             1  their taps                                                          thread = pixel
//             2  their channels; together: thread = 16 bytes of a pixel's channels, neighbours next to each other
//                                else:     thread = channel and pixel, neighbours are neighbouring pixels
// Code        include/grid_sample.h, which grid_sample_plugin.cu shares
// Shared      `pixels` sets of taps: four offsets and weights each
// Compile     nvcc -std=c++17 -arch=sm_90 -I include -D FOMM_HALF=1 -D FOMM_BLOCK_SIZE=256 -cubin grid_sample.cu
// Macros      FOMM_THREADS(i, n) shares a loop out among the block's threads; FOMM_BARRIER() waits for all of them
#include "grid_sample.h"

FOMM_KERNEL(grid_sample, GridSample)
