// Kernels: code that the program loads is looked up among what the tests have registered, and runs in its host build.
#include <cstring>

#include "stand_in.h"

using HostKernel = void (*)(const void* arguments, int blocks_x, int blocks_y, int shared_bytes);

struct Kernel {
    std::string name;
    HostKernel host;
    int host_bytes;           // of its arguments, by the host build
    int parameter_bytes = 0;  // as the code declares them
    bool loaded = false;
};

namespace {
struct Registered {
    std::string code;
    Kernel kernel;
};
struct Library : Object {
    static constexpr const char* KIND = "library";
    explicit Library(Kernel kernel) : Object(KIND, nullptr), kernel(std::move(kernel)) {}
    Kernel kernel;
};
}  // namespace

static std::vector<Registered>& registered() {
    static auto& all = *new std::vector<Registered>;
    return all;
}

CUDA_API void stand_in_register(const char* code, size_t size, const char* name, HostKernel host, int host_bytes) {
    registered().push_back({std::string(code, size), {name, host, host_bytes}});
}

template <typename T>
static T read(const char* at) {
    T value;
    std::memcpy(&value, at, sizeof value);
    return value;
}

// A 64-bit ELF file, as far as it takes to find its end and the attributes of a kernel.
namespace {
struct Cubin {
    const char* start;

    uint64_t sections() const { return read<uint64_t>(start + 40); }
    int section_bytes() const { return read<uint16_t>(start + 58); }
    int section_count() const { return read<uint16_t>(start + 60); }
    const char* section(int number) const { return start + sections() + uint64_t(number) * uint64_t(section_bytes()); }
    const char* content(int number) const { return start + read<uint64_t>(section(number) + 24); }
    size_t content_bytes(int number) const { return read<uint64_t>(section(number) + 32); }
    size_t size() const {
        const uint64_t segments = read<uint64_t>(start + 32);
        const uint64_t after = segments + uint64_t(read<uint16_t>(start + 54)) * read<uint16_t>(start + 56);
        return std::max(after, sections() + uint64_t(section_bytes()) * uint64_t(section_count()));
    }
    // EIATTR_CBANK_PARAM_SIZE in .nv.info.NAME
    int parameter_bytes(const std::string& kernel) const {
        const char* names = content(read<uint16_t>(start + 62));
        for (int number = 0; number < section_count(); ++number) {
            if (".nv.info." + kernel != names + read<uint32_t>(section(number))) continue;
            const char *at = content(number), *end = at + content_bytes(number);
            while (at < end) {
                const int format = at[0], attribute = at[1], value = read<uint16_t>(at + 2);
                if (attribute == 0x19) return value;
                at += 4 + (format == 4 ? value : 0);
            }
        }
        return -1;
    }
};
}  // namespace

// "… .param .align 8 .b8 NAME_param_0[288]"
static int parameter_bytes_of_ptx(const std::string& code, const std::string& kernel) {
    const std::string parameter = kernel + "_param_0[";
    const size_t found = code.find(parameter);
    if (found == std::string::npos || code.find(kernel + "_param_1") != std::string::npos) return -1;
    return std::stoi(code.substr(found + parameter.size()));
}

CUDA_API int cuLibraryLoadData(Library** library, const char* code, void*, void*, unsigned, void*, void*, unsigned) {
    ENTER(CONTEXT | NO_CAPTURE);
    const bool is_cubin = !std::memcmp(code, "\177ELF", 4);
    const size_t size = is_cubin ? Cubin{code}.size() : std::strlen(code) + 1;
    const std::string given(code, size);
    for (const Registered& one : registered()) {
        if (one.code != given) continue;
        Kernel kernel = one.kernel;
        kernel.parameter_bytes =
            is_cubin ? Cubin{code}.parameter_bytes(kernel.name) : parameter_bytes_of_ptx(given, kernel.name);
        if (kernel.parameter_bytes != kernel.host_bytes)
            complain("%s takes %d bytes of parameters on a GPU, %d in its host build", kernel.name.c_str(),
                     kernel.parameter_bytes, kernel.host_bytes);
        *library = new Library(kernel);
        return SUCCESS;
    }
    complain("cuLibraryLoadData of code that was not registered");
    return INVALID_IMAGE;
}

CUDA_API int cuLibraryUnload(void* handle) {
    ENTER(NO_CAPTURE);
    auto* library = known<Library>(handle, call.name);
    if (!library) return INVALID_HANDLE;
    library->end();
    return SUCCESS;
}

// A kernel and its function have the handle of their library, which has one kernel.
CUDA_API int cuLibraryGetKernel(Library** kernel, void* handle, const char* name) {
    ENTER(NOTHING);
    auto* library = known<Library>(handle, call.name);
    if (!library) return INVALID_HANDLE;
    if (library->kernel.name != name) return NOT_FOUND;
    *kernel = library;
    return SUCCESS;
}

CUDA_API int cuKernelGetFunction(Library** function, void* kernel) {
    ENTER(CONTEXT);
    *function = known<Library>(kernel, call.name);
    return *function ? SUCCESS : INVALID_HANDLE;
}

CUDA_API int cuKernelGetLibrary(Library** library, void* kernel) {
    ENTER(NOTHING);
    *library = known<Library>(kernel, call.name);
    return *library ? SUCCESS : INVALID_HANDLE;
}

CUDA_API int cuKernelGetAttribute(int* value, int, void* kernel, int) {
    ENTER(NOTHING);
    *value = 0;
    return known<Library>(kernel, call.name) ? SUCCESS : INVALID_HANDLE;
}

CUDA_API int cuFuncGetAttribute(int* value, int, void* function) {
    ENTER(NOTHING);
    *value = 0;
    return known<Library>(function, call.name) ? SUCCESS : INVALID_HANDLE;
}

CUDA_API int cuFuncLoad(void* function) {
    ENTER(CONTEXT | NO_CAPTURE);
    auto* library = known<Library>(function, call.name);
    if (!library) return INVALID_HANDLE;
    library->kernel.loaded = true;
    return SUCCESS;
}

static void run_kernel(const Library& library, const std::vector<unsigned char>& parameters, int blocks_x, int blocks_y,
                       int shared_bytes, Stream& stream) {
    const Kernel& kernel = library.kernel;
    if (!library.alive) return complain("%s runs after its library was unloaded", kernel.name.c_str());
    if (!check_pointers(parameters.data(), parameters.size(), stream, kernel.name.c_str())) return;
    uintptr_t address;
    if (survives([&] { kernel.host(parameters.data(), blocks_x, blocks_y, shared_bytes); }, &address)) return;
    const Allocation* near = allocation_at(address);
    if (near)
        complain("%s touches byte %zd of an allocation of %zu bytes%s", kernel.name.c_str(),
                 ssize_t(address - near->address), near->size, near->alive ? "" : ", which was freed");
    else
        complain("%s touches address %#zx, which is nobody's", kernel.name.c_str(), address);
    stream.context->broken = ILLEGAL_ADDRESS;
}

CUDA_API int cuLaunchKernel(void* function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x,
                            unsigned block_y, unsigned block_z, unsigned shared_bytes, void* stream_handle,
                            void** parameters, void** extra) {
    ENTER(CONTEXT);
    auto* library = known<Library>(function, call.name);
    Stream* stream = stream_of(stream_handle, call);
    if (!library || !stream) return INVALID_HANDLE;
    Kernel& kernel = library->kernel;
    if (stream->context != current_context()) {
        complain("%s is launched on a stream of device %d in the context of device %d", kernel.name.c_str(),
                 stream->context->device, current_context()->device);
        return INVALID_HANDLE;
    }
    // The host builds know blocks of this size and grids of two dimensions.
    if (!grid_x || !grid_y || grid_x > INT32_MAX || grid_y > 65535 || grid_z != 1 || block_x != 256 || block_y != 1 ||
        block_z != 1 || shared_bytes > 48 << 10 || extra || !parameters)
        return INVALID_VALUE;
    if (!kernel.loaded) {
        if (disturbs_capture("loading a kernel")) return CAPTURE_UNSUPPORTED;
        kernel.loaded = true;
    }
    const auto* first = static_cast<const unsigned char*>(parameters[0]);
    const std::vector<unsigned char> copied(first, first + kernel.parameter_bytes);
    if (!check_pointers(copied.data(), copied.size(), *stream, kernel.name.c_str())) return INVALID_VALUE;
    return put(stream, call, {kernel.name, [=](Stream& runs) {
                   run_kernel(*library, copied, int(grid_x), int(grid_y), int(shared_bytes), runs);
               }});
}
