// Blended output: the warped source and the decoder's picture, blended by the decoder's mask, to uint8.
//
//     position  D(p): the deformation read bilinearly at pixel p, the corner pixels of both on each other; then cut to
//               [-1, 1], so that what lies off the source shows its edge
//     moved     source(D(p)), bilinear, coordinates with the corner pixels at -1 and 1
//     value     m(p) · moved + (1 − m(p)) · colour(p),  m the fourth channel of what was decoded
//     level     round(255 · value), halves to even, 0 to 255 at the ends; NaN gives 0
//
// Sampled here, the warped source needs no memory of its own, and positions are computed once for the three colours.
//
// Layout      decoded (N, 4, S, S) and source (N or 1, 3, S, S): any strides;  deformation (N, h, w, 2) float
//             pictures (N, S, S, 3): rows of R G B bytes
//             for people, when wanted: blend_mask (N, 1, S, S), float
// Threads     a block takes FOMM_BLOCK_SIZE neighbouring pixels, batch in y:
//             1  where each comes from                                               thread = pixel
//             2  its bytes, so that neighbours write neighbours                      thread = byte
// Shared      FOMM_BLOCK_SIZE sets of taps: four offsets and weights each
// Compile     nvcc -std=c++17 -arch=sm_90 -I include -D FOMM_HALF=1 -D FOMM_BLOCK_SIZE=256 -cubin blended_output.cu
// Macros      FOMM_THREADS(i, n) shares a loop out among the block's threads; FOMM_BARRIER() waits for all of them
#include "bilinear.h"
#include "levels.h"
#include "neighbours.h"

struct BlendedOutput {
    Tensor decoded, source;
    const float* deformation;
    int motion_height, motion_width;
    unsigned char* pictures;
    long long batch_stride, row_stride;  // bytes
    float* blend_mask;
};

constexpr int MASK = 3;  // the channel after the colours

// The taps of pixel (x, y).
FOMM_FUNCTION Taps taps_of(const BlendedOutput& a, int n, int x, int y) {
    const int height = a.motion_height, width = a.motion_width;
    const Neighbours across = neighbours(x, width, a.decoded.width, true);
    const Neighbours along = neighbours(y, height, a.decoded.height, true);
    float to_x = 0, to_y = 0;
    for (int corner = 0; corner < 4; ++corner) {
        const float weight = (corner & 1 ? across.share : 1 - across.share) * (corner >> 1 ? along.share : 1 - along.share);
        const int column = corner & 1 ? across.second : across.first, line = corner >> 1 ? along.second : along.first;
        const float* position = a.deformation + 2 * ((static_cast<long long>(n) * height + line) * width + column);
        to_x += weighted(weight, position[0]);
        to_y += weighted(weight, position[1]);
    }
    // NaN becomes -1.
    to_x = fminf(fmaxf(to_x, -1.0f), 1.0f), to_y = fminf(fmaxf(to_y, -1.0f), 1.0f);
    return bilinear_taps(a.source, to_x, to_y, true);
}

FOMM_FUNCTION void blended_output_block(const BlendedOutput& a, int block, int n, unsigned char* shared) {
    Taps* taps = reinterpret_cast<Taps*>(shared);  // [FOMM_BLOCK_SIZE]
    const int width = a.decoded.width, total = width * a.decoded.height;
    const int first = block * FOMM_BLOCK_SIZE, count = smaller(FOMM_BLOCK_SIZE, total - first);
    FOMM_THREADS(i, count) {
        const int x = (first + i) % width, y = (first + i) / width;
        taps[i] = taps_of(a, n, x, y);
        if (a.blend_mask) a.blend_mask[static_cast<long long>(n) * total + first + i] = load(a.decoded, n, MASK, y, x);
    }
    FOMM_BARRIER();
    FOMM_THREADS(i, 3 * count) {
        const int slot = i / 3, channel = i % 3;
        const int x = (first + slot) % width, y = (first + slot) / width;
        const float moved = sample(at(a.source, n, channel, 0, 0), taps[slot]);
        const float mask = load(a.decoded, n, MASK, y, x), colour = load(a.decoded, n, channel, y, x);
        const unsigned char level = level_of(mask * moved + (1 - mask) * colour);
        a.pictures[n * a.batch_stride + y * a.row_stride + 3 * x + channel] = level;
    }
}

FOMM_KERNEL(blended_output, BlendedOutput)
