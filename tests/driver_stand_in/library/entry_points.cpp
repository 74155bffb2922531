// How programs find the functions of the driver, and the names of results.
#include <dlfcn.h>

#include "stand_in.h"

// Functions that are not here are not found; cuda-bindings says so when one is called.
CUDA_API int cuGetProcAddress_v2(const char* name, void** function, int, uint64_t, int* status) {
    Dl_info own;
    dladdr(reinterpret_cast<void*>(&cuGetProcAddress_v2), &own);
    void* library = dlopen(own.dli_fname, RTLD_NOW | RTLD_NOLOAD);
    *function = dlsym(library, name);
    dlclose(library);
    if (status) *status = *function ? 0 : 1;
    return SUCCESS;
}

CUDA_API int cuGetProcAddress(const char* name, void** function, int version, uint64_t flags, int* status) {
    return cuGetProcAddress_v2(name, function, version, flags, status);
}

static const std::pair<const char*, const char*>* words_of(int result) {
    static const std::map<int, std::pair<const char*, const char*>> words = {
        {SUCCESS, {"CUDA_SUCCESS", "no error"}},
        {INVALID_VALUE, {"CUDA_ERROR_INVALID_VALUE", "invalid argument"}},
        {OUT_OF_MEMORY, {"CUDA_ERROR_OUT_OF_MEMORY", "out of memory"}},
        {INVALID_DEVICE, {"CUDA_ERROR_INVALID_DEVICE", "invalid device ordinal"}},
        {INVALID_IMAGE, {"CUDA_ERROR_INVALID_IMAGE", "device kernel image is invalid"}},
        {INVALID_CONTEXT, {"CUDA_ERROR_INVALID_CONTEXT", "invalid device context"}},
        {INVALID_HANDLE, {"CUDA_ERROR_INVALID_HANDLE", "invalid resource handle"}},
        {NOT_FOUND, {"CUDA_ERROR_NOT_FOUND", "named symbol not found"}},
        {NOT_READY, {"CUDA_ERROR_NOT_READY", "device not ready"}},
        {ILLEGAL_ADDRESS, {"CUDA_ERROR_ILLEGAL_ADDRESS", "an illegal memory access was encountered"}},
        {CONTEXT_IS_DESTROYED, {"CUDA_ERROR_CONTEXT_IS_DESTROYED", "context is destroyed"}},
        {NOT_PERMITTED, {"CUDA_ERROR_NOT_PERMITTED", "operation not permitted"}},
        {NOT_SUPPORTED, {"CUDA_ERROR_NOT_SUPPORTED", "operation not supported"}},
        {CAPTURE_UNSUPPORTED,
         {"CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED", "operation not permitted when stream is capturing"}},
        {CAPTURE_INVALIDATED,
         {"CUDA_ERROR_STREAM_CAPTURE_INVALIDATED", "operation failed due to a previous error during capture"}},
    };
    const auto found = words.find(result);
    return found == words.end() ? nullptr : &found->second;
}

CUDA_API int cuGetErrorName(int result, const char** name) {
    const auto* words = words_of(result);
    *name = words ? words->first : "an error of CUDA";
    return SUCCESS;
}

CUDA_API int cuGetErrorString(int result, const char** text) {
    const auto* words = words_of(result);
    *text = words ? words->second : "an error of CUDA";
    return SUCCESS;
}

CUDA_API int cuGetExportTable(const void** table, const void*) {
    *table = nullptr;
    return NOT_FOUND;
}
