// Motion: keypoints of a driving frame to the input of the dense-motion network.
//
//     transfer       d = scale · driving + offset,   J = J_driving · M
//                    relative: offset = s − scale · d0, M = J_d0⁻¹ · J_s, prepared once a reference;
//                    absolute: scale 1, offset 0, M the identity. The prepared row is data, so that one captured
//                    graph serves both
//     sparse motion  T_k(z) = s_k + A_k · (z − d_k),  A_k = J_s,k · J_k⁻¹;  T_0(z) = z, the background
//     heatmap        h_k(z) = exp(−½ ‖z − d_k‖² / v) − exp(−½ ‖z − s_k‖² / v);  h_0 = 0;  v, the variance, is 0.01
//                    in published models
//     input          for each field k of K + 1: h_k, then R, G, B of the source's quarter at T_k(z), bilinear
//     pixel          of a coordinate x among W:  align_corners: (x + 1) / 2 · (W − 1);  not: ((x + 1) · W − 1) / 2
//     border         a tap off the picture counts as 0, whatever its weight, so that values fall to 0 over one pixel;
//                    NaN, infinity and what lies further off give 0
//
//         channel    0    1 2 3    4    5 6 7    …    4K    4K + 1 … 4K + 3
//                    0    R G B    h_1  R G B         h_K   R G B
//                    background    keypoint 1         keypoint K
//
// Source: Siarohin et al. 2019, section 3.2. Inverses of singular jacobians are large and finite.
//
// Layout      driving, source (N or 1, K, 6): x, y, xx, xy, yx, yy;  transfer (N or 1, K, 7): scale, offset x, y,
//             M xx, xy, yx, yy;  quarter (N or 1, 3, h, w) and input (N, 4 · (K + 1), h, w): any strides
//             sparse_motion (N, K, 8), kept for warp.cu: A xx, xy, yx, yy, d x, y, s x, y
// Threads     a thread a pixel and field, batch in y; neighbours are pixels when the input's channels are apart,
//             fields when they lie together. Every block computes all K transforms for itself: cheaper than a launch.
// Shared      8 · K floats
// Compile     nvcc -std=c++17 -arch=sm_90 -I include -D FOMM_HALF=1 -D FOMM_BLOCK_SIZE=256 -cubin motion.cu
// Macros      FOMM_THREADS(i, n) shares a loop out among the block's threads; FOMM_BARRIER() waits for all of them
#include "affine.h"
#include "bilinear.h"

struct Motion {
    Rows driving, source, transfer, sparse_motion;
    Tensor quarter, hourglass_input;
    int align_corners;
    float variance;
};

FOMM_FUNCTION float gaussian(Point z, const float* centre, float variance) {
    const float x = z.x - centre[0], y = z.y - centre[1];
    return expf((x * x + y * y) * (-0.5f / variance));
}

FOMM_FUNCTION void motion_block(const Motion& a, int block, int n, unsigned char* shared) {
    float* transforms = reinterpret_cast<float*>(shared);  // [K][TRANSFORM]
    const int fields = a.driving.rows + 1;
    const int height = a.hourglass_input.height, width = a.hourglass_input.width, pixels = height * width;

    FOMM_THREADS(k, a.driving.rows) {
        const float* d = row(a.driving, n, k, 6);
        const float* s = row(a.source, n, k, 6);
        const float* t = row(a.transfer, n, k, 7);
        const Matrix driving = Matrix{d[2], d[3], d[4], d[5]} * Matrix{t[3], t[4], t[5], t[6]};
        const Matrix m = Matrix{s[2], s[3], s[4], s[5]} * inverse(driving);
        const float values[TRANSFORM] = {m.xx, m.xy, m.yx, m.yy, d[0] * t[0] + t[1], d[1] * t[0] + t[2], s[0], s[1]};
        for (int i = 0; i < TRANSFORM; ++i) {
            transforms[k * TRANSFORM + i] = values[i];
            if (block == 0) row(a.sparse_motion, n, k, TRANSFORM)[i] = values[i];
        }
    }
    FOMM_BARRIER();

    const bool together = a.hourglass_input.channel_stride == 1;
    const int first = block * FOMM_BLOCK_SIZE;
    FOMM_THREADS(i, smaller(FOMM_BLOCK_SIZE, fields * pixels - first)) {
        const int index = first + i;
        const int field = together ? index % fields : index / pixels;
        const int pixel = together ? index / fields : index % pixels;
        const int x = pixel % width, y = pixel / width;
        Point z = {coordinate(x, width), coordinate(y, height)};
        float heat = 0;
        if (field) {
            const float* t = transforms + (field - 1) * TRANSFORM;
            heat = gaussian(z, t + 4, a.variance) - gaussian(z, t + 6, a.variance);
            z = transformed(t, z);
        }
        const Taps taps = bilinear_taps(a.quarter, z.x, z.y, a.align_corners);
        float values[4] = {heat};
        for (int c = 0; c < 3; ++c) values[1 + c] = sample(at(a.quarter, n, c, 0, 0), taps);
        for (int c = 0; c < 4; ++c) store(a.hourglass_input, n, 4 * field + c, y, x, values[c]);
    }
}

FOMM_KERNEL(motion, Motion)
