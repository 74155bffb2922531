// Points, 2×2 matrices, and the sparse motion that motion.cu leaves for warp.cu.
#pragma once
#include "portable.h"

struct Point {
    float x, y;
};
struct Matrix {
    float xx, xy, yx, yy;  // rows: x' = xx·x + xy·y, y' = yx·x + yy·y
};

FOMM_FUNCTION Point operator*(const Matrix& m, Point p) { return {m.xx * p.x + m.xy * p.y, m.yx * p.x + m.yy * p.y}; }
FOMM_FUNCTION Matrix operator*(const Matrix& a, const Matrix& b) {
    return {a.xx * b.xx + a.xy * b.yx, a.xx * b.xy + a.xy * b.yy, a.yx * b.xx + a.yy * b.yx, a.yx * b.xy + a.yy * b.yy};
}

// In closed form. A determinant closer to 0 than 1e-8 counts as ±1e-8: the inverse of a singular matrix is large, but
// finite, as in `fomm_rt.motion.transfer`.
FOMM_FUNCTION Matrix inverse(const Matrix& m) {
    float determinant = m.xx * m.yy - m.xy * m.yx;
    if (fabsf(determinant) < 1e-8f) determinant = determinant < 0 ? -1e-8f : 1e-8f;
    return {m.yy / determinant, -m.xy / determinant, -m.yx / determinant, m.xx / determinant};
}

constexpr int TRANSFORM = 8;  // floats of a sparse motion: A xx, xy, yx, yy, d x, y, s x, y

// T(z) = s + A · (z − d)
FOMM_FUNCTION Point transformed(const float* t, Point z) {
    const Point moved = Matrix{t[0], t[1], t[2], t[3]} * Point{z.x - t[4], z.y - t[5]};
    return {moved.x + t[6], moved.y + t[7]};
}
