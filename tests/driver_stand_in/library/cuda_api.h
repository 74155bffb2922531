// What of CUDA's driver API this library implements: results and constants by the numbers of NVIDIA's documentation.
#pragma once

#include <cstddef>
#include <cstdint>

#define CUDA_API extern "C" __attribute__((visibility("default")))

enum Result : int {
    SUCCESS = 0,
    INVALID_VALUE = 1,
    OUT_OF_MEMORY = 2,
    INVALID_DEVICE = 101,
    INVALID_IMAGE = 200,
    INVALID_CONTEXT = 201,
    INVALID_HANDLE = 400,
    NOT_FOUND = 500,
    NOT_READY = 600,
    ILLEGAL_ADDRESS = 700,
    CONTEXT_IS_DESTROYED = 709,
    NOT_PERMITTED = 800,
    NOT_SUPPORTED = 801,
    CAPTURE_UNSUPPORTED = 900,
    CAPTURE_INVALIDATED = 901,
    CAPTURE_UNMATCHED = 903,
    CAPTURE_UNJOINED = 904,
    CAPTURE_ISOLATION = 905,
    CAPTURE_IMPLICIT = 906,
    CAPTURED_EVENT = 907,
    CAPTURE_WRONG_THREAD = 908,
    GRAPH_UPDATE_FAILURE = 910,
};

enum CaptureMode : int { CAPTURE_GLOBAL = 0, CAPTURE_THREAD_LOCAL = 1, CAPTURE_RELAXED = 2 };
enum CaptureStatus : int { NOT_CAPTURING = 0, CAPTURING = 1, CAPTURE_BROKEN = 2 };
enum StreamFlags : unsigned { STREAM_NON_BLOCKING = 1 };
enum EventFlags : unsigned { EVENT_DISABLE_TIMING = 2, EVENT_EXTERNAL = 1 };
enum MemoryType : int { MEMORY_HOST = 1, MEMORY_DEVICE = 2 };

// Handles of streams that always exist.
constexpr uintptr_t LEGACY_STREAM = 1, THREAD_STREAM = 2;

// CUDA_MEMCPY2D
struct PitchedCopy {
    size_t source_x, source_y;
    MemoryType source_type;
    const void* source_host;
    uintptr_t source_device;
    void* source_array;
    size_t source_pitch;
    size_t target_x, target_y;
    MemoryType target_type;
    void* target_host;
    uintptr_t target_device;
    void* target_array;
    size_t target_pitch;
    size_t width, height;
};
static_assert(sizeof(PitchedCopy) == 128, "the layout of CUDA_MEMCPY2D");
