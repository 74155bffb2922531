// Motion field and warp: what the dense-motion network says to the source's features, moved and masked.
//
//     mask           m_k(z) = exp(l_k(z)) / Σ_j exp(l_j(z))                       over the K + 1 fields
//     deformation    D(z) = Σ_k m_k(z) · T_k(z),   T_k(z) = s_k + A_k · (z − d_k),  T_0(z) = z
//     occlusion      o(z) = 1 / (1 + exp(−l(z)));  1 in a model without
//     warped         W(p) = o(p) · features(D(p)),  bilinear
//     pixel          of a coordinate x among W:  align_corners: (x + 1) / 2 · (W − 1);  not: ((x + 1) · W − 1) / 2
//     border         a tap off the picture counts as 0, whatever its weight, so that values fall to 0 over one pixel;
//                    NaN, infinity and what lies further off give 0
//
// Source: Siarohin et al. 2019, eq. 8. Features may be finer than the motion (frames of more than 256 pixels): then D
// and o are read bilinearly at the pixel centres of the features, edges extended; or, with resize_align_corners, the
// centres of the corner pixels of both lie on each other.
//
// Layout      mask_logits (N, K + 1, h, w), occlusion_logits (N, 1, h, w), features (N or 1, C, H, W) and
//             warped (N, C, H, W): any strides, fastest when channels lie together;  sparse_motion (N, K, 8) as
//             motion.cu leaves it
//             for people, when wanted: deformation (N, h, w, 2), mask (N, K + 1, h, w), occlusion_map (N, 1, h, w),
//             float
// Threads     a block takes `pixels` neighbouring pixels of the features, batch in y:
//             1  where each comes from: softmax, sum over the fields, four taps      thread = pixel
//                what people want kept, where the features are finer                 thread = pixel of the motion
//             2  its channels; together: thread = 16 bytes of a pixel's channels, neighbours next to each other
//                              else:     thread = channel and pixel, neighbours are neighbouring pixels
// Shared      `pixels` sets of taps: four offsets and weights each, the occlusion multiplied in
// Compile     nvcc -std=c++17 -arch=sm_90 -I include -D FOMM_HALF=1 -D FOMM_BLOCK_SIZE=256 -cubin warp.cu
// Macros      FOMM_THREADS(i, n) shares a loop out among the block's threads; FOMM_BARRIER() waits for all of them
#include "affine.h"
#include "bilinear.h"
#include "neighbours.h"

struct Warp {
    Tensor mask_logits, occlusion_logits, features, warped;
    Rows sparse_motion;
    float* deformation;
    float* mask;
    float* occlusion_map;
    int align_corners, resize_align_corners, pixels, in_pieces;
};

struct Moved {
    float x, y, occlusion;
};

// Deformation and occlusion at pixel (x, y) of the motion; kept for people if `keep`.
FOMM_FUNCTION Moved moved_from(const Warp& a, int n, int x, int y, bool keep) {
    const int fields = a.mask_logits.channels, height = a.mask_logits.height, width = a.mask_logits.width;
    float highest = LOWEST;
    for (int k = 0; k < fields; ++k) highest = fmaxf(highest, load(a.mask_logits, n, k, y, x));
    const Point z = {coordinate(x, width), coordinate(y, height)};
    float sum = 0, sum_x = 0, sum_y = 0;
    for (int k = 0; k < fields; ++k) {
        const float weight = expf(load(a.mask_logits, n, k, y, x) - highest);
        const Point to = k ? transformed(row(a.sparse_motion, n, k - 1, TRANSFORM), z) : z;
        sum += weight;
        sum_x += weighted(weight, to.x);
        sum_y += weighted(weight, to.y);
    }
    const bool occludes = a.occlusion_logits.address;
    const float occlusion = occludes ? 1 / (1 + expf(-load(a.occlusion_logits, n, 0, y, x))) : 1.0f;
    const Moved result = {sum_x / sum, sum_y / sum, occlusion};
    if (!keep) return result;
    const long long plane = static_cast<long long>(height) * width, pixel = static_cast<long long>(y) * width + x;
    if (a.deformation) {
        a.deformation[2 * (n * plane + pixel)] = result.x;
        a.deformation[2 * (n * plane + pixel) + 1] = result.y;
    }
    if (a.mask)
        for (int k = 0; k < fields; ++k)
            a.mask[(n * fields + k) * plane + pixel] = expf(load(a.mask_logits, n, k, y, x) - highest) / sum;
    if (a.occlusion_map) a.occlusion_map[n * plane + pixel] = occlusion;
    return result;
}

// Deformation and occlusion at pixel (x, y) of the features.
FOMM_FUNCTION Moved interpolated(const Warp& a, int n, int x, int y) {
    const Neighbours across = neighbours(x, a.mask_logits.width, a.warped.width, a.resize_align_corners);
    const Neighbours along = neighbours(y, a.mask_logits.height, a.warped.height, a.resize_align_corners);
    Moved sum = {};
    FOMM_ROLLED for (int corner = 0; corner < 4; ++corner) {
        const float weight = (corner & 1 ? across.share : 1 - across.share) * (corner >> 1 ? along.share : 1 - along.share);
        const Moved part = moved_from(a, n, corner & 1 ? across.second : across.first,
                                      corner >> 1 ? along.second : along.first, false);
        sum.x += weighted(weight, part.x);
        sum.y += weighted(weight, part.y);
        sum.occlusion += weighted(weight, part.occlusion);
    }
    return sum;
}

FOMM_FUNCTION void warp_block(const Warp& a, int block, int n, unsigned char* shared) {
    Taps* taps = reinterpret_cast<Taps*>(shared);  // [pixels]
    const int height = a.mask_logits.height, width = a.mask_logits.width;
    const bool same = height == a.warped.height && width == a.warped.width;
    const int total = a.warped.height * a.warped.width;
    const int first = block * a.pixels, count = smaller(a.pixels, total - first);

    FOMM_THREADS(i, count) {
        const int x = (first + i) % a.warped.width, y = (first + i) / a.warped.width;
        const Moved from = same ? moved_from(a, n, x, y, true) : interpolated(a, n, x, y);
        taps[i] = bilinear_taps(a.features, from.x, from.y, a.align_corners);
        for (float& weight : taps[i].weight) weight *= from.occlusion;
    }
    if (!same && (a.deformation || a.mask || a.occlusion_map)) {
        // Blocks share out the motion's pixels as they do those of the features.
        const int blocks = (total + a.pixels - 1) / a.pixels, share = (height * width + blocks - 1) / blocks;
        FOMM_THREADS(i, smaller(share, height * width - block * share)) {
            const int pixel = block * share + i;
            moved_from(a, n, pixel % width, pixel / width, true);
        }
    }
    FOMM_BARRIER();
    sample_pixels(a.features, a.warped, n, taps, first, count, a.in_pieces);
}

FOMM_FOURFOLD_KERNEL(warp, Warp)
