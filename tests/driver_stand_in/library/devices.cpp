// Devices and their primary contexts.
#include <cstdio>
#include <cstring>

#include "stand_in.h"

static thread_local std::vector<Context*> entered;

Context& context_of(int device) {
    static auto& contexts = *new std::vector<Context>([] {
        std::vector<Context> made(DEVICES);
        for (int number = 0; number < DEVICES; ++number) made[number].device = number;
        return made;
    }());
    return contexts.at(device);
}

Context* current_context() { return entered.empty() ? nullptr : entered.back(); }

static bool is_device(int device) { return 0 <= device && device < DEVICES; }

CUDA_API int cuInit(unsigned) {
    ENTER(NOTHING);
    return SUCCESS;
}

CUDA_API int cuDriverGetVersion(int* version) {
    ENTER(NOTHING);
    *version = 13000;
    return SUCCESS;
}

CUDA_API int cuDeviceGetCount(int* count) {
    ENTER(NOTHING);
    *count = DEVICES;
    return SUCCESS;
}

CUDA_API int cuDeviceGet(int* device, int ordinal) {
    ENTER(NOTHING);
    if (!is_device(ordinal)) return INVALID_DEVICE;
    *device = ordinal;
    return SUCCESS;
}

CUDA_API int cuDeviceGetName(char* name, int length, int device) {
    ENTER(NOTHING);
    if (!is_device(device)) return INVALID_DEVICE;
    std::snprintf(name, size_t(length), "stand-in for a GPU, number %d", device);
    return SUCCESS;
}

CUDA_API int cuDeviceGetUuid(unsigned char* uuid, int device) {
    ENTER(NOTHING);
    std::memset(uuid, device + 1, 16);
    return SUCCESS;
}

CUDA_API int cuDeviceTotalMem(size_t* bytes, int) {
    ENTER(NOTHING);
    *bytes = DEVICE_BYTES;
    return SUCCESS;
}

// Those of an H200, as far as anything asks.
CUDA_API int cuDeviceGetAttribute(int* value, int attribute, int device) {
    ENTER(NOTHING);
    if (!is_device(device)) return INVALID_DEVICE;
    switch (attribute) {
        case 1: *value = 1024; break;    // threads of a block
        case 8: *value = 48 << 10; break;  // shared memory of a block
        case 10: *value = 32; break;     // threads of a warp
        case 16: *value = 132; break;    // multiprocessors
        case 75: *value = 9; break;      // compute capability
        case 76: *value = 0; break;
        case 83: *value = 0; break;      // managed memory
        case 88: *value = 0; break;      // access to pageable memory
        case 115: *value = 1; break;     // memory pools
        default: *value = 0;
    }
    return SUCCESS;
}

CUDA_API int cuDevicePrimaryCtxRetain(Context** context, int device) {
    ENTER(NOTHING);
    if (!is_device(device)) return INVALID_DEVICE;
    *context = &context_of(device);
    ++(*context)->references;
    return SUCCESS;
}

CUDA_API int cuDevicePrimaryCtxRelease(int device) {
    ENTER(NOTHING);
    if (!is_device(device)) return INVALID_DEVICE;
    Context& context = context_of(device);
    if (!context.references) {
        complain("the context of device %d was released more often than retained", device);
        return INVALID_CONTEXT;
    }
    if (--context.references) return SUCCESS;
    for (const auto& [number, object] : living_objects())
        if (object->context == &context && object->kind == Allocation::KIND) {
            complain("the context of device %d was released before memory allocated in it", device);
            break;
        }
    return SUCCESS;
}

CUDA_API int cuDevicePrimaryCtxGetState(int device, unsigned* flags, int* active) {
    ENTER(NOTHING);
    if (!is_device(device)) return INVALID_DEVICE;
    *flags = 0;
    *active = context_of(device).references > 0;
    return SUCCESS;
}

CUDA_API int cuCtxGetCurrent(Context** context) {
    ENTER(NOTHING);
    *context = current_context();
    return SUCCESS;
}

CUDA_API int cuCtxSetCurrent(Context* context) {
    ENTER(NOTHING);
    if (!entered.empty()) entered.pop_back();
    if (context) entered.push_back(context);
    return SUCCESS;
}

CUDA_API int cuCtxPushCurrent(Context* context) {
    ENTER(NOTHING);
    if (!context || !context->references) {
        complain("cuCtxPushCurrent of a context that was released");
        return INVALID_CONTEXT;
    }
    entered.push_back(context);
    return SUCCESS;
}

CUDA_API int cuCtxPopCurrent(Context** context) {
    ENTER(NOTHING);
    if (entered.empty()) {
        complain("cuCtxPopCurrent without a current context");
        return INVALID_CONTEXT;
    }
    if (context) *context = entered.back();
    entered.pop_back();
    return SUCCESS;
}

CUDA_API int cuCtxGetDevice(int* device) {
    ENTER(CONTEXT);
    *device = current_context()->device;
    return SUCCESS;
}

CUDA_API int cuCtxGetId(Context* context, uint64_t* number) {
    ENTER(NOTHING);
    if (!context) context = current_context();
    if (!context) return INVALID_CONTEXT;
    *number = uint64_t(context->device) + 1;
    return SUCCESS;
}

CUDA_API int cuCtxGetStreamPriorityRange(int* least, int* greatest) {
    ENTER(CONTEXT);
    *least = 0;
    *greatest = -5;
    return SUCCESS;
}

CUDA_API int cuCtxSynchronize() {
    ENTER(CONTEXT | NO_CAPTURE);
    for (Stream* stream : streams_of(*current_context())) stream->run_all();
    return current_context()->broken;
}
