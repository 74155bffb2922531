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
// Shared      `pixels` sets of taps: four offsets and weights each
// Compile     nvcc -std=c++17 -arch=sm_90 -I include -D FOMM_HALF=1 -D FOMM_BLOCK_SIZE=256 -cubin grid_sample.cu
// Macros      FOMM_THREADS(i, n) shares a loop out among the block's threads; FOMM_BARRIER() waits for all of them
#include "bilinear.h"

struct GridSample {
    Tensor source, out;
    const float* grid;
    int align_corners, pixels, in_pieces;
};

FOMM_FUNCTION void grid_sample_block(const GridSample& a, int block, int n, unsigned char* shared) {
    Taps* taps = reinterpret_cast<Taps*>(shared);  // [pixels]
    const int total = a.out.height * a.out.width;
    const int first = block * a.pixels, count = smaller(a.pixels, total - first);
    FOMM_THREADS(i, count) {
        const float* position = a.grid + 2 * (static_cast<long long>(n) * total + first + i);
        taps[i] = bilinear_taps(a.source, position[0], position[1], a.align_corners);
    }
    FOMM_BARRIER();
    sample_pixels(a.source, a.out, n, taps, first, count, a.in_pieces);
}

FOMM_KERNEL(grid_sample, GridSample)
