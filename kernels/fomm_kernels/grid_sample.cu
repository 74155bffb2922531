// Grid sample: out(y, x) = source(grid(y, x)), bilinear, zeros outside.
//
// What PyTorch's grid_sample and ONNX's GridSample do in four dimensions, but with coordinates in float32 whatever the
// storage of the pictures: half coordinates would be off by up to 1/16 pixel at 256 pixels.
//
// Layout      source (N or 1, C, H, W) and out (N, C, h, w): any strides, fastest when channels lie together;
//             grid (N, h, w, 2) float, (x, y) in [-1, 1]
// Border      coordinates outside of [-1, 1], infinite or NaN: see bilinear.h
// Threads     a block takes `pixels` neighbouring output pixels, batch in y:
//             1  their taps                       thread = pixel
//             2  their channels                   see bilinear.h
// Shared      `pixels` sets of taps
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
