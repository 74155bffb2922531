// Copies and fills. Addresses are checked when they are queued and again when the work runs.
#include <cstring>

#include "stand_in.h"

static void* at(uintptr_t address) { return reinterpret_cast<void*>(address); }

static void copy(uintptr_t target, uintptr_t source, size_t size, const Stream& stream, const char* doing) {
    const bool reads = check_memory(source, size, stream, doing), writes = check_memory(target, size, stream, doing);
    if (reads && writes) std::memmove(at(target), at(source), size);
}

CUDA_API int cuMemcpyAsync(uintptr_t target, uintptr_t source, size_t size, void* handle) {
    ENTER(CONTEXT);
    Stream* stream = stream_of(handle, call);
    if (!stream) return INVALID_HANDLE;
    const bool reads = check_memory(source, size, *stream, call.name);
    if (!check_memory(target, size, *stream, call.name) || !reads) return INVALID_VALUE;
    return put(stream, call, {"copy", [=](Stream& runs) { copy(target, source, size, runs, "a queued copy"); }});
}

CUDA_API int cuMemcpy2DAsync(const PitchedCopy* given, void* handle) {
    ENTER(CONTEXT);
    Stream* stream = stream_of(handle, call);
    if (!stream) return INVALID_HANDLE;
    const PitchedCopy c = *given;
    if (c.source_pitch < c.width || c.target_pitch < c.width) return INVALID_VALUE;
    if (c.source_type != MEMORY_DEVICE || c.target_type != MEMORY_DEVICE) return NOT_SUPPORTED;
    return put(stream, call, {"copy of rows", [=](Stream& runs) {
                   for (size_t row = 0; row < c.height; ++row)
                       copy(c.target_device + (c.target_y + row) * c.target_pitch + c.target_x,
                            c.source_device + (c.source_y + row) * c.source_pitch + c.source_x, c.width, runs,
                            "a queued copy of rows");
               }});
}

CUDA_API int cuMemsetD8Async(uintptr_t target, unsigned char value, size_t size, void* handle) {
    ENTER(CONTEXT);
    Stream* stream = stream_of(handle, call);
    if (!stream) return INVALID_HANDLE;
    if (!check_memory(target, size, *stream, call.name)) return INVALID_VALUE;
    return put(stream, call, {"fill", [=](Stream& runs) {
                   if (check_memory(target, size, runs, "a queued fill")) std::memset(at(target), value, size);
               }});
}

// Copies between a device and any host memory, after the work of the legacy stream.
static Result copy_now(uintptr_t device, uintptr_t target, uintptr_t source, size_t size, const Call& call) {
    Stream* stream = stream_of(nullptr, call);
    if (!stream) return INVALID_HANDLE;
    const Allocation* allocation = allocation_at(device);
    if (!allocation || allocation->type != MEMORY_DEVICE) {
        complain("%s: %#zx is not on a device", call.name, device);
        return INVALID_VALUE;
    }
    if (!check_memory(device, size, *stream, call.name)) return INVALID_VALUE;
    const Result result = put(stream, call, {"copy", [=](Stream&) { std::memmove(at(target), at(source), size); }});
    stream->run_all();
    return result ? result : stream->context->broken;
}

CUDA_API int cuMemcpyHtoD(uintptr_t target, const void* source, size_t size) {
    ENTER(CONTEXT | NO_CAPTURE);
    return copy_now(target, target, reinterpret_cast<uintptr_t>(source), size, call);
}

CUDA_API int cuMemcpyDtoH(void* target, uintptr_t source, size_t size) {
    ENTER(CONTEXT | NO_CAPTURE);
    return copy_now(source, reinterpret_cast<uintptr_t>(target), source, size, call);
}
