// Prediction output: the decoder's picture to uint8, as people and encoders take it.
//
//     level     round(255 · value), halves to even, 0 to 255 at the ends; NaN gives 0
//
// Layout      prediction (N, 3, S, S): any strides;  pictures (N, S, S, 3): rows of R G B bytes
// Threads     a thread a byte, so that neighbours write neighbours, batch in y
// Compile     nvcc -std=c++17 -arch=sm_90 -I include -D FOMM_HALF=1 -D FOMM_BLOCK_SIZE=256 -cubin prediction_output.cu
// Macros      FOMM_THREADS(i, n) shares a loop out among the block's threads; FOMM_BARRIER() waits for all of them
#include "levels.h"
#include "tensor.h"

struct PredictionOutput {
    Tensor prediction;
    unsigned char* pictures;
    long long batch_stride, row_stride;  // bytes
};

FOMM_FUNCTION void prediction_output_block(const PredictionOutput& a, int block, int n, unsigned char*) {
    const int row_bytes = 3 * a.prediction.width, bytes = row_bytes * a.prediction.height;
    const int first = block * FOMM_BLOCK_SIZE;
    FOMM_THREADS(i, smaller(FOMM_BLOCK_SIZE, bytes - first)) {
        const int y = (first + i) / row_bytes, column = (first + i) % row_bytes;
        const float value = load(a.prediction, n, column % 3, y, column / 3);
        a.pictures[n * a.batch_stride + y * a.row_stride + column] = level_of(value);
    }
}

FOMM_KERNEL(prediction_output, PredictionOutput)
