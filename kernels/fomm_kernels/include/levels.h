// From [0, 1] to the levels of a uint8 picture.
#pragma once
#include "portable.h"

// round(255 · value), halves to even, 0 to 255 at the ends; NaN gives 0.
FOMM_FUNCTION unsigned char level_of(float value) {
    // fmaxf returns the number where the other is NaN.
    return static_cast<unsigned char>(rintf(fminf(fmaxf(255 * value, 0.0f), 255.0f)));
}
