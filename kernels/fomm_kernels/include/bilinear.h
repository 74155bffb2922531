// Bilinear sampling with zeros outside, by one block: what warp.cu and grid_sample.cu have in common.
//
//     pixel       align_corners: (x + 1) / 2 · (W − 1)         not: ((x + 1) · W − 1) / 2           likewise y
//     value       Σ over the four pixels around it of weight · pixel;  weights (1 − |dx|) · (1 − |dy|)
//     border      a tap off the picture has weight 0, so that value falls to 0 over one pixel; NaN, infinity and
//                 whatever lies further off give 0. Offsets stay inside the picture in every case, and what is read
//                 with weight 0 does not count, were it NaN.
//     threads     channels last: neighbours take neighbouring pieces of 16 bytes of one pixel's channels
//                 else:          neighbours take neighbouring pixels of one channel
#pragma once
#include "tensor.h"

// Where one output pixel comes from: offsets in elements from the item's first, and weights.
struct Taps {
    long long offset[4];
    float weight[4];
};

static_assert(sizeof(Taps) == 48, "fomm_kernels.warp allots shared memory for as many bytes");

FOMM_FUNCTION float pixel_of(float coordinate, int size, bool align_corners) {
    return align_corners ? (coordinate + 1) / 2 * (size - 1) : ((coordinate + 1) * size - 1) / 2;
}

FOMM_FUNCTION Taps bilinear_taps(const Tensor& source, float x, float y, bool align_corners) {
    const float column = pixel_of(x, source.width, align_corners);
    const float line = pixel_of(y, source.height, align_corners);
    Taps taps = {};
    // Comparisons with NaN are false; and a number this small can be cast to int, which a larger one could not.
    if (!(column > -1 && column < source.width && line > -1 && line < source.height)) return taps;
    const float left = floorf(column), top = floorf(line);
    for (int corner = 0; corner < 4; ++corner) {
        const int i = static_cast<int>(left) + (corner & 1), j = static_cast<int>(top) + (corner >> 1);
        if (i < 0 || i >= source.width || j < 0 || j >= source.height) continue;
        const float across = corner & 1 ? column - left : left + 1 - column;
        const float along = corner >> 1 ? line - top : top + 1 - line;
        taps.offset[corner] = j * source.row_stride + i * source.column_stride;
        taps.weight[corner] = across * along;
    }
    return taps;
}

FOMM_FUNCTION float weighted(float weight, float value) { return weight == 0 ? 0.0f : weight * value; }

FOMM_FUNCTION float sample(const Storage* source, const Taps& taps) {
    float values[4], sum = 0;
    for (int corner = 0; corner < 4; ++corner) values[corner] = to_float(source[taps.offset[corner]]);
    for (int corner = 0; corner < 4; ++corner) sum += weighted(taps.weight[corner], values[corner]);
    return sum;
}

constexpr int PIECE = 16 / sizeof(Storage);  // channels that one load of 16 bytes brings
struct alignas(16) Piece {
    Storage values[PIECE];
};

FOMM_FUNCTION void sample_piece(const Storage* source, const Taps& taps, Storage* out) {
    // All four are asked for before the first is needed. An offset is safe to read even where its weight is 0.
    Piece pieces[4];
    for (int corner = 0; corner < 4; ++corner)
        pieces[corner] = *reinterpret_cast<const Piece*>(source + taps.offset[corner]);
    float sum[PIECE] = {};
    for (int corner = 0; corner < 4; ++corner)
        for (int i = 0; i < PIECE; ++i) sum[i] += weighted(taps.weight[corner], to_float(pieces[corner].values[i]));
    Piece result;
    for (int i = 0; i < PIECE; ++i) result.values[i] = to_storage(sum[i]);
    *reinterpret_cast<Piece*>(out) = result;
}

// Writes all channels of output pixels [first, first + count) of item n. `in_pieces`: both tensors are channels last
// and aligned to 16 bytes.
FOMM_FUNCTION void sample_pixels(const Tensor& source, const Tensor& out, int n, const Taps* taps, int first, int count,
                                 bool in_pieces) {
    const Storage* from = at(source, n, 0, 0, 0);
    if (in_pieces) {
        const int pieces = out.channels / PIECE;
        FOMM_THREADS(i, count * pieces) {
            const int pixel = first + i / pieces, channel = i % pieces * PIECE;
            sample_piece(from + channel, taps[i / pieces], at(out, n, channel, pixel / out.width, pixel % out.width));
        }
        return;
    }
    const bool last = out.channel_stride == 1;
    FOMM_THREADS(i, count * out.channels) {
        const int slot = last ? i / out.channels : i % count, channel = last ? i % out.channels : i / count;
        const int pixel = first + slot;
        const float value = sample(from + channel * source.channel_stride, taps[slot]);
        store(out, n, channel, pixel / out.width, pixel % out.width, value);
    }
}
