// Arrays of several dimensions, as kernels are given them. `fomm_kernels.arrays` has the same layouts for ctypes.
#pragma once
#include "portable.h"

// (N, C, H, W) of Storage; strides in elements, so that any layout will do: channels first, channels last, padded.
// A batch stride of 0 shows the same item to all frames. No address: the tensor is not wanted, or not there.
struct Tensor {
    void* address;
    int batch, channels, height, width;
    long long batch_stride, channel_stride, row_stride, column_stride;
};

FOMM_FUNCTION Storage* at(const Tensor& t, int n, int c, int y, int x) {
    return static_cast<Storage*>(t.address) + n * t.batch_stride + c * t.channel_stride + y * t.row_stride +
           x * t.column_stride;
}
FOMM_FUNCTION float load(const Tensor& t, int n, int c, int y, int x) { return to_float(*at(t, n, c, y, x)); }
FOMM_FUNCTION void store(const Tensor& t, int n, int c, int y, int x, float value) {
    *at(t, n, c, y, x) = to_storage(value);
}

// Floats in rows of a fixed length, such as keypoints (N, K, 6); a batch stride of 0 as above.
struct Rows {
    float* address;
    int batch, rows;
    long long batch_stride;
};

FOMM_FUNCTION float* row(const Rows& r, int n, int index, int length) {
    return r.address + n * r.batch_stride + static_cast<long long>(index) * length;
}

// Coordinate of pixel i of n in [-1, 1], the corner pixels at -1 and 1; counted from the nearer end, as
// torch.linspace does, so that the grid is symmetric. A single pixel lies at -1.
FOMM_FUNCTION float coordinate(int i, int n) {
    if (n < 2) return -1.0f;
    const float step = 2.0f / (n - 1);
    return i < n / 2 ? -1.0f + step * i : 1.0f - step * (n - 1 - i);
}
