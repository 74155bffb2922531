// Keypoint head: the detector's maps to keypoints and jacobians.
//
//     heatmap_k(p)   exp(l_k(p) / T) / Σ_q exp(l_k(q) / T)         over all h · w positions
//     value_k        Σ_p heatmap_k(p) · (x_p, y_p)                 x, y from −1 to 1, corner positions included
//     jacobian_k     Σ_p heatmap_k(p) · (m_xx, m_xy, m_yx, m_yy)_k(p)
//                    one set of four maps a keypoint; or one set for all; or none: the identity, by which a model of
//                    zeroth order (keypoints that only move) goes the way of all others
//
// The exponent is (l − max l) / T, so that no finite logit overflows. A flat heatmap gives the centre of the
// picture; a NaN among the logits gives NaN.
//
// Layout      logits (N, K, h, w) and maps (N, 4K or 4, h, w): any strides
//             keypoints (N, K, 6) float: x y | xx xy yx yy
// Threads     a block a keypoint, batch in y. Each thread goes over every FOMM_BLOCK_SIZE-th position, first for the
//             maximum, then for seven sums; halves of the lanes are added until one is left.
// Shared      7 · FOMM_BLOCK_SIZE floats
// Compile     nvcc -std=c++17 -arch=sm_90 -I include -D FOMM_HALF=1 -D FOMM_BLOCK_SIZE=256 -cubin keypoint_head.cu
// Macros      FOMM_THREADS(i, n) shares a loop out among the block's threads; FOMM_BARRIER() waits for all of them
#include "tensor.h"

struct KeypointHead {
    Tensor logits, jacobian_maps;
    float temperature;
    Rows keypoints;
};

constexpr int SUMS = 7;  // Σ exp, Σ exp · x, Σ exp · y, Σ exp · each of four maps

FOMM_FUNCTION void keypoint_head_block(const KeypointHead& a, int k, int n, unsigned char* shared) {
    float* lanes = reinterpret_cast<float*>(shared);  // [SUMS][FOMM_BLOCK_SIZE]
    const int width = a.logits.width, positions = a.logits.height * width;
    const int map = a.jacobian_maps.channels > 4 ? 4 * k : 0;

    FOMM_THREADS(lane, FOMM_BLOCK_SIZE) {
        float highest = LOWEST;
        for (int p = lane; p < positions; p += FOMM_BLOCK_SIZE)
            highest = fmaxf(highest, load(a.logits, n, k, p / width, p % width));
        lanes[lane] = highest;
    }
    FOMM_BARRIER();
    for (int rest = FOMM_BLOCK_SIZE / 2; rest; rest /= 2) {
        FOMM_THREADS(lane, rest) { lanes[lane] = fmaxf(lanes[lane], lanes[lane + rest]); }
        FOMM_BARRIER();
    }
    const float highest = lanes[0];
    FOMM_BARRIER();

    FOMM_THREADS(lane, FOMM_BLOCK_SIZE) {
        float sum[SUMS] = {};
        for (int p = lane; p < positions; p += FOMM_BLOCK_SIZE) {
            const int x = p % width, y = p / width;
            const float weight = expf((load(a.logits, n, k, y, x) - highest) / a.temperature);
            sum[0] += weight;
            sum[1] += weight * coordinate(x, width);
            sum[2] += weight * coordinate(y, a.logits.height);
            if (a.jacobian_maps.address)
                for (int i = 0; i < 4; ++i) sum[3 + i] += weight * load(a.jacobian_maps, n, map + i, y, x);
        }
        for (int i = 0; i < SUMS; ++i) lanes[i * FOMM_BLOCK_SIZE + lane] = sum[i];
    }
    FOMM_BARRIER();
    for (int rest = FOMM_BLOCK_SIZE / 2; rest; rest /= 2) {
        FOMM_THREADS(i, SUMS * rest) {
            const int lane = i / rest * FOMM_BLOCK_SIZE + i % rest;
            lanes[lane] += lanes[lane + rest];
        }
        FOMM_BARRIER();
    }
    FOMM_THREADS(i, SUMS - 1) {
        const float identity = i == 2 || i == 5 ? 1.0f : 0.0f;
        const bool given = i < 2 || a.jacobian_maps.address;
        row(a.keypoints, n, k, 6)[i] = given ? lanes[(i + 1) * FOMM_BLOCK_SIZE] / lanes[0] : identity;
    }
}

FOMM_KERNEL(keypoint_head, KeypointHead)
