// Enlarging motion to finer pixels: which of its pixels lie around one of theirs.
#pragma once
#include "portable.h"

// The two motion pixels on either side of the finer pixel i along one axis, and how far it is towards the second.
// align_corners: the centres of the corner pixels of both lie on each other; not: the borders do, edges extended.
struct Neighbours {
    int first, second;
    float share;
};
FOMM_FUNCTION Neighbours neighbours(int i, int motion, int finer, bool align_corners) {
    const float place = align_corners ? i * (static_cast<float>(motion - 1) / larger(finer - 1, 1))
                                      : fmaxf((i + 0.5f) * (static_cast<float>(motion) / finer) - 0.5f, 0.0f);
    const int first = smaller(static_cast<int>(place), motion - 1);
    return {first, smaller(first + 1, motion - 1), fminf(place - first, 1.0f)};
}
