// Frame input: a uint8 picture of any size to what the networks take of it, in one pass.
//
//     resized     the region of the picture that is looked at, at S × S pixels and rounded to whole levels; within a
//                 level of what fomm_rt.framing.resample gives:
//                     shrinking   mean over the area a pixel covers, pixels covered in part counting in part
//                     growing     bilinear, pixel centres at i + ½, edges extended
//                     fit         the resized part starts at (left, top); around it its edge pixels are extended
//     frame       resized / 255                                                        (N, 3, S, S), when wanted
//     quarter     Σ_j Σ_i g(j) · g(i) · frame(f·y + j, f·x + i),  |i|, |j| ≤ r         (N, 3, S / f, S / f)
//                 g(i) = exp(−i² / 2σ²) / Σ exp(−i² / 2σ²);  r = 0: every f-th pixel itself.  σ and r belong to the
//                 model; published ones have σ = (f − 1) / 2, r = round(4σ)
//                 zeros outside the frame
//
//         picture                      frame, S × S                window of a block
//         ┌───────────────┐            ┌─────────────┐             ┌ r ┬ f · (tile − 1) + 1 ┬ e ┐
//         │   ┌ part ─┐   │  resized   │ ┌ placed ─┐ │   blurred   │   │ x . . . x . . . x  │   │
//         │   └───────┘   │ ─────────▶ │ └─────────┘ │ ──────────▶ │   │  x: a pixel of the │   │
//         └───────────────┘            └─────────────┘             └───┴─ quarter ──────────┴───┘
//
// e = max(r, f − 1): a blur that is narrower than the step leaves no pixel of the frame out.
// f, the factor, is 4 for frames of 256 pixels: the anti-aliased quarter is what the motion networks look at.
//
// Layout      picture: rows of R G B bytes; frame and quarter: any strides
// Threads     a block makes a square of `tile` × `tile` pixels of the quarter, blocks along rows, batch in y. The window
//             under it, of r + f · (tile − 1) + 1 + e pixels a side, is resized in strips of rows, for f ≤ 16 in one:
//             1  weights of the blur, not yet divided by their sum          thread = tap
//             2  resized pixels of a strip                                  thread = pixel
//             3  its rows blurred, at every f-th column                     thread = row, column and channel
//             4  all blurred rows blurred along columns, and stored         thread = pixel and channel
// Shared      2r + 1 floats | 3 · window · tile floats | 3 · strip · window bytes: whole levels lose nothing as bytes
// Compile     nvcc -std=c++17 -arch=sm_90 -I include -D FOMM_HALF=1 -D FOMM_BLOCK_SIZE=256 -cubin frame_input.cu
// Macros      FOMM_THREADS(i, n) shares a loop out among the block's threads; FOMM_BARRIER() waits for all of them
#include "tensor.h"

struct FrameInput {
    const unsigned char* pictures;  // (N, rows, columns, 3)
    long long batch_stride, row_stride;           // bytes
    int part_x, part_y, part_width, part_height;  // what is looked at, within the picture
    int left, top, width, height;                 // where it comes to lie, resized, within S × S
    int size, factor, radius, tile, strip;
    float sigma;
    Tensor frame, quarter;
};

struct Rgb {
    float level[3];
};

FOMM_FUNCTION const unsigned char* pixel_at(const FrameInput& a, const unsigned char* picture, int x, int y) {
    return picture + (a.part_y + y) * a.row_stride + (a.part_x + x) * 3ll;
}

// Pixel i of `to` covers [i · from, (i + 1) · from) where pixel j of `from` covers [j · to, (j + 1) · to): integers,
// so that no pixel is lost or counted twice by rounding.
FOMM_FUNCTION float covered(int i, int j, int from, int to) {
    return smaller((i + 1) * from, (j + 1) * to) - larger(i * from, j * to);
}

FOMM_FUNCTION Rgb area_mean(const FrameInput& a, const unsigned char* picture, int x, int y) {
    const int x0 = x * a.part_width / a.width, x1 = ((x + 1) * a.part_width - 1) / a.width;
    const int y0 = y * a.part_height / a.height, y1 = ((y + 1) * a.part_height - 1) / a.height;
    Rgb sum = {};
    for (int j = y0; j <= y1; ++j) {
        Rgb line = {};
        for (int i = x0; i <= x1; ++i) {
            const unsigned char* pixel = pixel_at(a, picture, i, j);
            const float share = covered(x, i, a.part_width, a.width);
            for (int c = 0; c < 3; ++c) line.level[c] += share * pixel[c];
        }
        const float share = covered(y, j, a.part_height, a.height) / a.part_width;
        for (int c = 0; c < 3; ++c) sum.level[c] += share * line.level[c];
    }
    for (float& level : sum.level) level /= a.part_height;
    return sum;
}

FOMM_FUNCTION Rgb bilinear_mean(const FrameInput& a, const unsigned char* picture, int x, int y) {
    const float scale_x = static_cast<float>(a.part_width) / a.width;
    const float scale_y = static_cast<float>(a.part_height) / a.height;
    const float column = fminf(fmaxf((x + 0.5f) * scale_x - 0.5f, 0.0f), a.part_width - 1.0f);
    const float line = fminf(fmaxf((y + 0.5f) * scale_y - 0.5f, 0.0f), a.part_height - 1.0f);
    const int x0 = static_cast<int>(column), y0 = static_cast<int>(line);
    const int x1 = smaller(x0 + 1, a.part_width - 1), y1 = smaller(y0 + 1, a.part_height - 1);
    const float fx = column - x0, fy = line - y0;
    const unsigned char *left_above = pixel_at(a, picture, x0, y0), *right_above = pixel_at(a, picture, x1, y0);
    const unsigned char *left_below = pixel_at(a, picture, x0, y1), *right_below = pixel_at(a, picture, x1, y1);
    Rgb mean;
    for (int c = 0; c < 3; ++c) {
        const float above = left_above[c] * (1 - fx) + right_above[c] * fx;
        const float below = left_below[c] * (1 - fx) + right_below[c] * fx;
        mean.level[c] = above * (1 - fy) + below * fy;
    }
    return mean;
}

// Levels at (x, y) of the S × S frame.
FOMM_FUNCTION Rgb resized(const FrameInput& a, const unsigned char* picture, int x, int y) {
    x = smaller(larger(x - a.left, 0), a.width - 1);
    y = smaller(larger(y - a.top, 0), a.height - 1);
    if (a.part_width == a.width && a.part_height == a.height) {
        const unsigned char* pixel = pixel_at(a, picture, x, y);
        return {{static_cast<float>(pixel[0]), static_cast<float>(pixel[1]), static_cast<float>(pixel[2])}};
    }
    const bool shrinks = a.part_width > a.width || a.part_height > a.height;
    Rgb mean = shrinks ? area_mean(a, picture, x, y) : bilinear_mean(a, picture, x, y);
    for (float& level : mean.level) level = rintf(level);
    return mean;
}

FOMM_FUNCTION void frame_input_block(const FrameInput& a, int block, int n, unsigned char* shared) {
    const int taps = 2 * a.radius + 1;
    const int window = a.radius + a.factor * (a.tile - 1) + 1 + larger(a.radius, a.factor - 1);
    float* weight = reinterpret_cast<float*>(shared);  // [taps]
    float* blurred = weight + taps;                    // [3][window][tile]
    unsigned char* levels = reinterpret_cast<unsigned char*>(blurred + 3 * window * a.tile);  // [3][strip][window]

    const int across = (a.quarter.width + a.tile - 1) / a.tile;
    const int first_x = block % across * a.tile, first_y = block / across * a.tile;           // in the quarter
    const int from_x = first_x * a.factor - a.radius, from_y = first_y * a.factor - a.radius;  // in the frame
    const unsigned char* picture = a.pictures + n * a.batch_stride;

    FOMM_THREADS(tap, taps) {
        const float offset = tap - a.radius;
        weight[tap] = a.radius ? expf(-offset * offset / (2 * a.sigma * a.sigma)) : 1.0f;
    }
    for (int top = 0; top < window; top += a.strip) {
        const int lines = smaller(a.strip, window - top);
        FOMM_THREADS(i, lines * window) {
            const int x = from_x + i % window, y = from_y + top + i / window;
            const bool inside = x >= 0 && x < a.size && y >= 0 && y < a.size;
            // The block's own pixels, which no other block stores.
            const bool own = inside && x >= first_x * a.factor && x < (first_x + a.tile) * a.factor &&
                             y >= first_y * a.factor && y < (first_y + a.tile) * a.factor;
            const Rgb colour = inside ? resized(a, picture, x, y) : Rgb{};
            for (int c = 0; c < 3; ++c)
                levels[c * a.strip * window + i] = static_cast<unsigned char>(colour.level[c]);
            if (own && a.frame.address)
                for (int c = 0; c < 3; ++c) store(a.frame, n, c, y, x, colour.level[c] / 255);
        }
        FOMM_BARRIER();
        FOMM_THREADS(i, 3 * lines * a.tile) {
            const int column = i % a.tile, line = i / a.tile % lines, channel = i / (a.tile * lines);
            const unsigned char* from = levels + (channel * a.strip + line) * window + column * a.factor;
            float sum = 0;
            for (int tap = 0; tap < taps; ++tap) sum += weight[tap] * from[tap];
            blurred[(channel * window + top + line) * a.tile + column] = sum / 255;
        }
        FOMM_BARRIER();
    }
    FOMM_THREADS(i, 3 * a.tile * a.tile) {
        const int column = i % a.tile, line = i / a.tile % a.tile, channel = i / (a.tile * a.tile);
        const int x = first_x + column, y = first_y + line;
        if (x >= a.quarter.width || y >= a.quarter.height) continue;
        float sum = 0, weights = 0;
        for (int tap = 0; tap < taps; ++tap) {
            sum += weight[tap] * blurred[(channel * window + line * a.factor + tap) * a.tile + column];
            weights += weight[tap];
        }
        store(a.quarter, n, channel, y, x, sum / (weights * weights));  // once for rows, once for columns
    }
}

FOMM_KERNEL(frame_input, FrameInput)
