// A block of the grid sample: grid_sample.cu says what it computes and how its threads share it out.
#pragma once
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
