// What differs between NVRTC, nvcc and a host C++ compiler, so that every kernel is written once.
//
// A kernel is a function of one block, written as a sequence of loops over its threads with barriers between them:
//
//     FOMM_THREADS(i, count) { ... i ... }      each i in [0, count), shared out among the block's threads
//     FOMM_BARRIER();                           all of the loop above is done and visible to the loop below
//
// A GPU runs the loops in steps of the block's size. A host runs them whole, one after the other, block after block:
// the same statements on the same memory, which sanitizers can watch.
//
// What is the same for all threads may be kept in variables between the loops: arguments, sizes, what all have read
// from one place. It alone decides which loops and barriers come next. Everything else passes from one loop to the next
// through shared memory, with a barrier between.
//
// A loop that runs whole needs no barrier, and would not miss one. Tests therefore run blocks by several real threads,
// too (FOMM_HOST_THREADS > 1, see host_threads.h): a thread sanitizer reports where a barrier is missing.
//
//     FOMM_KERNEL(name, Arguments)                    the kernel `name`: name_block(arguments, x, y, shared), given a
//                                                     structure
//     FOMM_FOURFOLD_KERNEL(name, Arguments)           the same with few enough registers for four blocks at a time on a
//                                                     multiprocessor; for kernels that mostly wait for memory
//     FOMM_PLAIN_KERNEL(name, kernel, arguments, ...) the kernel `name`: kernel_block, given pointers and numbers: ...
//                                                     are the parameters, the structure is what `arguments` makes
//
// FOMM_ROLLED      before a loop whose body is long: not to be unrolled
// FOMM_BLOCK_SIZE  threads of a block, as the kernels see it
// FOMM_HALF        1: tensors are stored as IEEE half, 0: as float; arithmetic is float32 either way
#pragma once

#if defined(__CUDACC__)

#define FOMM_FUNCTION static __device__ __forceinline__
#define FOMM_THREADS(i, count) for (int i = threadIdx.x; i < (count); i += FOMM_BLOCK_SIZE)
#define FOMM_BARRIER() __syncthreads()
#define FOMM_KERNEL(name, Arguments) FOMM_BOUNDED_KERNEL(name, Arguments, FOMM_BLOCK_SIZE)
#define FOMM_FOURFOLD_KERNEL(name, Arguments) FOMM_BOUNDED_KERNEL(name, Arguments, FOMM_BLOCK_SIZE, 4)
#define FOMM_BOUNDED_KERNEL(name, Arguments, ...)                                                         \
    extern "C" __global__ void __launch_bounds__(__VA_ARGS__) name(const __grid_constant__ Arguments a) { \
        extern __shared__ __align__(16) unsigned char shared[];                                           \
        name##_block(a, blockIdx.x, blockIdx.y, shared);                                                  \
    }
#define FOMM_PLAIN_KERNEL(name, kernel, arguments, ...)                                     \
    extern "C" __global__ void __launch_bounds__(FOMM_BLOCK_SIZE) name(__VA_ARGS__) {       \
        extern __shared__ __align__(16) unsigned char shared[];                             \
        kernel##_block(arguments, blockIdx.x, blockIdx.y, shared);                          \
    }

#define FOMM_ROLLED _Pragma("unroll 1")

// Inline PTX instead of cuda_fp16.h: NVRTC's wheel brings no headers.
struct Half {
    unsigned short bits;
};
FOMM_FUNCTION float to_float(Half value) {
    float result;
    asm("cvt.f32.f16 %0, %1;" : "=f"(result) : "h"(value.bits));
    return result;
}
FOMM_FUNCTION Half to_half(float value) {
    Half result;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(result.bits) : "f"(value));
    return result;
}

#else

#include <cmath>
#include <cstring>
#include <memory>

#define FOMM_FUNCTION static inline
#define FOMM_ROLLED

#if FOMM_HOST_THREADS > 1
#include "host_threads.h"
#else

#define FOMM_THREADS(i, count) for (int i = 0; i < (count); ++i)
#define FOMM_BARRIER()
// Calls run_block(x, y, shared) for all blocks. Shared memory begins as NaN in every one: what a kernel reads before
// writing shows in its result.
template <typename RunBlock>
static void run_blocks(int blocks_x, int blocks_y, int shared_bytes, const RunBlock& run_block) {
    std::unique_ptr<unsigned char[]> shared(new unsigned char[shared_bytes]);
    for (int y = 0; y < blocks_y; ++y)
        for (int x = 0; x < blocks_x; ++x) {
            std::memset(shared.get(), 0xff, shared_bytes);
            run_block(x, y, shared.get());
        }
}

#endif

#define FOMM_KERNEL(name, Arguments)                                                                 \
    extern "C" void name(const Arguments* a, int blocks_x, int blocks_y, int shared_bytes) {         \
        run_blocks(blocks_x, blocks_y, shared_bytes,                                                 \
                   [=](int x, int y, unsigned char* shared) { name##_block(*a, x, y, shared); });    \
    }                                                                                                \
    extern "C" int name##_argument_bytes() { return sizeof(Arguments); }
#define FOMM_FOURFOLD_KERNEL(name, Arguments) FOMM_KERNEL(name, Arguments)
#define FOMM_PLAIN_KERNEL(name, kernel, arguments, ...)                                                  \
    extern "C" void name(__VA_ARGS__, int blocks_x, int blocks_y, int shared_bytes) {                    \
        run_blocks(blocks_x, blocks_y, shared_bytes,                                                     \
                   [=](int x, int y, unsigned char* shared) { kernel##_block(arguments, x, y, shared); }); \
    }

using Half = _Float16;
FOMM_FUNCTION float to_float(Half value) { return static_cast<float>(value); }
FOMM_FUNCTION Half to_half(float value) { return static_cast<Half>(value); }

#endif

FOMM_FUNCTION float to_float(float value) { return value; }

#if FOMM_HALF
using Storage = Half;
FOMM_FUNCTION Storage to_storage(float value) { return to_half(value); }
#else
using Storage = float;
FOMM_FUNCTION Storage to_storage(float value) { return value; }
#endif

constexpr float LOWEST = -3.402823466e38f;  // NVRTC knows no <limits>

FOMM_FUNCTION int smaller(int a, int b) { return a < b ? a : b; }
FOMM_FUNCTION int larger(int a, int b) { return a > b ? a : b; }
