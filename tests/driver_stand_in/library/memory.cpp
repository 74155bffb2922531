// Memory of devices and pinned memory. Each allocation lies between memory that faults; freed addresses fault for good
// and are never given out again. New memory is full of NaN.
#include <sys/mman.h>

#include <algorithm>
#include <cstring>

#include "stand_in.h"

constexpr uintptr_t PAGE = 4096;
constexpr uintptr_t GUARD = 4 << 20;  // faults, on either side of an allocation
constexpr size_t ALIGNMENT = 256;  // the driver promises it
constexpr int POISON = 0xff;       // NaN as float and as half

static std::map<uintptr_t, Allocation*>& by_address() {
    static auto& all = *new std::map<uintptr_t, Allocation*>;
    return all;
}

static uintptr_t round_up(uintptr_t number, uintptr_t multiple) { return (number + multiple - 1) / multiple * multiple; }

Allocation::Allocation(Context* context, MemoryType type, size_t size) : Object(KIND, context), type(type), size(size) {
    const size_t taken = round_up(size, ALIGNMENT);
    mapped = round_up(taken, PAGE) + 2 * GUARD;
    void* place = mmap(nullptr, mapped, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    mapping = reinterpret_cast<uintptr_t>(place);
    void* usable = reinterpret_cast<void*>(mapping + GUARD);
    mprotect(usable, mapped - 2 * GUARD, PROT_READ | PROT_WRITE);
    std::memset(usable, POISON, mapped - 2 * GUARD);
    address = mapping + mapped - GUARD - taken;
    by_address()[mapping] = this;
}

bool Allocation::is_intact() const {
    const auto poisoned = [](uintptr_t from, uintptr_t to) {
        const auto* bytes = reinterpret_cast<const unsigned char*>(from);
        return std::all_of(bytes, bytes + (to - from), [](unsigned char byte) { return byte == POISON; });
    };
    return poisoned(mapping + GUARD, address) && poisoned(address + size, mapping + mapped - GUARD);
}

Allocation* allocation_at(uintptr_t address) {
    auto found = by_address().upper_bound(address);
    if (found == by_address().begin()) return nullptr;
    Allocation* allocation = (--found)->second;
    return address < allocation->mapping + allocation->mapped ? allocation : nullptr;
}

size_t allocated_bytes(const Context& context, MemoryType type) {
    size_t bytes = 0;
    for (const auto& [number, object] : living_objects()) {
        const auto* allocation = dynamic_cast<const Allocation*>(object);
        if (allocation && allocation->context == &context && allocation->type == type) bytes += allocation->size;
    }
    return bytes;
}

static bool complain_unless_usable(const Allocation& allocation, const Stream& stream, const char* doing) {
    if (!allocation.alive) {
        complain("%s uses %zu bytes of memory after they were freed", doing, allocation.size);
    } else if (allocation.type == MEMORY_DEVICE && allocation.context != stream.context) {
        complain("%s on device %d uses memory of device %d", doing, stream.context->device, allocation.context->device);
    } else if (!allocation.ready && is_device_thread()) {  // until then, work of its own stream may be queued
        complain("%s uses memory before the stream that allocates it has come to that", doing);
    } else {
        return true;
    }
    return false;
}

bool check_memory(uintptr_t address, size_t size, const Stream& stream, const char* doing) {
    const Allocation* allocation = allocation_at(address);
    if (!allocation) {
        complain("%s uses pageable memory, at %#zx: it would block, and a graph would keep the address", doing, address);
        return true;
    }
    if (!complain_unless_usable(*allocation, stream, doing)) return false;
    if (address >= allocation->address && address + size <= allocation->address + allocation->size) return true;
    complain("%s uses bytes %zd to %zd of an allocation of %zu bytes", doing, ssize_t(address - allocation->address),
             ssize_t(address + size - allocation->address), allocation->size);
    return false;
}

// True if the process has memory at an address.
static bool is_mapped(uintptr_t address) {
    unsigned char present;
    return mincore(reinterpret_cast<void*>(address / PAGE * PAGE), 1, &present) == 0;
}

bool check_pointers(const unsigned char* parameters, size_t size, const Stream& stream, const char* kernel) {
    bool usable = true;
    for (size_t place = 0; place + sizeof(uintptr_t) <= size; place += sizeof(uintptr_t)) {
        uintptr_t value;
        std::memcpy(&value, parameters + place, sizeof value);
        if (const Allocation* allocation = allocation_at(value)) {
            usable = complain_unless_usable(*allocation, stream, kernel) && usable;
        } else if (value > UINT32_MAX && is_mapped(value)) {
            complain("%s is given the address of pageable memory, %#zx", kernel, value);
            usable = false;
        }
    }
    return usable;
}

static Result allocate(uintptr_t* address, size_t size, MemoryType type, Pool* pool = nullptr,
                       Allocation** made = nullptr) {
    Context* context = current_context();
    if (!size) return INVALID_VALUE;
    if (size > DEVICE_BYTES || allocated_bytes(*context, type) + size > DEVICE_BYTES) return OUT_OF_MEMORY;
    auto* allocation = new Allocation(context, type, size);
    allocation->pool = pool;
    *address = allocation->address;
    if (made) *made = allocation;
    return SUCCESS;
}

static Allocation* allocation_to_free(uintptr_t address, const char* call) {
    Allocation* allocation = allocation_at(address);
    if (!allocation || allocation->address != address) {
        complain("%s of %#zx, which is the beginning of no allocation", call, address);
        return nullptr;
    }
    if (!allocation->alive) {
        complain("%s of memory that was freed before", call);
        return nullptr;
    }
    return allocation;
}

static void release(Allocation* allocation, const char* call) {
    if (!allocation->is_intact()) complain("%s: bytes beside an allocation of %zu were written", call, allocation->size);
    if (allocation->pool) allocation->pool->used -= allocation->size;
    mmap(reinterpret_cast<void*>(allocation->mapping), allocation->mapped, PROT_NONE,
         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
    allocation->end();
}

CUDA_API int cuMemGetInfo(size_t* free, size_t* total) {
    ENTER(CONTEXT);
    const Context& context = *current_context();
    size_t used = allocated_bytes(context, MEMORY_DEVICE);
    if (context.pool) used += context.pool->reserved - context.pool->used;
    *total = DEVICE_BYTES;
    *free = used < DEVICE_BYTES ? DEVICE_BYTES - used : 0;
    return SUCCESS;
}

CUDA_API int cuMemAlloc(uintptr_t* address, size_t size) {
    ENTER(CONTEXT | NO_CAPTURE);
    return allocate(address, size, MEMORY_DEVICE);
}

// Waits for all work of the device first, as CUDA does for memory that no stream has allocated.
CUDA_API int cuMemFree(uintptr_t address) {
    ENTER(NO_CAPTURE);
    Allocation* allocation = allocation_to_free(address, call.name);
    if (!allocation) return INVALID_VALUE;
    if (!allocation->pool)
        for (Stream* stream : streams_of(*allocation->context)) stream->run_all();
    release(allocation, call.name);
    return SUCCESS;
}

CUDA_API int cuMemHostAlloc(uintptr_t* address, size_t size, unsigned) {
    ENTER(CONTEXT | NO_CAPTURE);
    return allocate(address, size, MEMORY_HOST);
}

CUDA_API int cuMemAllocHost(uintptr_t* address, size_t size) {
    ENTER(CONTEXT | NO_CAPTURE);
    return allocate(address, size, MEMORY_HOST);
}

CUDA_API int cuMemFreeHost(uintptr_t address) {
    ENTER(NO_CAPTURE);
    if (!current_context()) {
        complain("cuMemFreeHost without a current context");
        return INVALID_CONTEXT;
    }
    Allocation* allocation = allocation_to_free(address, call.name);
    if (!allocation) return INVALID_VALUE;
    release(allocation, call.name);
    return SUCCESS;
}

// ---- Pools: their memory stays reserved until it is trimmed.

static Pool* default_pool(int device) {
    Context& context = context_of(device);
    if (!context.pool) {
        context.pool = new Pool(&context);
        living_objects().erase(context.pool->number);  // it always exists
    }
    return context.pool;
}

static void trim(Pool* pool, size_t kept) { pool->reserved = std::max(pool->used, std::min(pool->reserved, kept)); }

static Result allocate_in_stream(uintptr_t* address, size_t size, Pool* pool, void* stream_handle, const Call& call) {
    Stream* stream = stream_of(stream_handle, call);
    if (!pool || !stream) return INVALID_HANDLE;
    if (stream->capture) {
        // The driver would make it a node of the graph, whose memory is the graph's; this project never means that.
        complain("%s on a stream that is captured", call.name);
        stream->capture->broken = true;
        return CAPTURE_UNSUPPORTED;
    }
    Allocation* made;
    if (const Result result = allocate(address, size, MEMORY_DEVICE, pool, &made)) return result;
    pool->most_used = std::max(pool->most_used, pool->used += size);
    pool->most_reserved = std::max(pool->most_reserved, pool->reserved = std::max(pool->reserved, pool->used));
    if (stream->waiting.empty()) return SUCCESS;
    made->ready = false;
    return put(stream, call, {"allocation", [made](Stream&) { made->ready = true; }});
}

CUDA_API int cuMemAllocFromPoolAsync(uintptr_t* address, size_t size, void* pool, void* stream) {
    ENTER(CONTEXT);
    return allocate_in_stream(address, size, known<Pool>(pool, call.name), stream, call);
}

CUDA_API int cuMemAllocAsync(uintptr_t* address, size_t size, void* stream) {
    ENTER(CONTEXT);
    return allocate_in_stream(address, size, default_pool(current_context()->device), stream, call);
}

// Work runs late, but memory goes as early as its stream allows.
CUDA_API int cuMemFreeAsync(uintptr_t address, void* stream_handle) {
    ENTER(NOTHING);
    Allocation* allocation = allocation_to_free(address, call.name);
    Stream* stream = stream_of(stream_handle, call);
    if (!allocation || !stream) return INVALID_VALUE;
    if (disturbs_capture(call.name)) return CAPTURE_UNSUPPORTED;
    if (stream->waiting.empty()) {
        release(allocation, call.name);
        return SUCCESS;
    }
    return put(stream, call, {"free", [allocation](Stream&) {
                                  if (allocation->alive) release(allocation, "cuMemFreeAsync");
                              }});
}

CUDA_API int cuDeviceGetDefaultMemPool(Pool** pool, int device) {
    ENTER(NOTHING);
    *pool = default_pool(device);
    return SUCCESS;
}

CUDA_API int cuDeviceGetMemPool(Pool** pool, int device) {
    ENTER(NOTHING);
    *pool = default_pool(device);
    return SUCCESS;
}

CUDA_API int cuMemPoolCreate(Pool** pool, const void*) {
    ENTER(CONTEXT);
    *pool = new Pool(current_context());
    return SUCCESS;
}

CUDA_API int cuMemPoolDestroy(void* handle) {
    ENTER(NOTHING);
    auto* pool = known<Pool>(handle, call.name);
    if (!pool) return INVALID_HANDLE;
    pool->end();
    return SUCCESS;
}

CUDA_API int cuMemPoolSetAccess(void* pool, const void*, size_t) {
    ENTER(NOTHING);
    return known<Pool>(pool, call.name) ? SUCCESS : INVALID_HANDLE;
}

CUDA_API int cuMemPoolTrimTo(void* handle, size_t kept) {
    ENTER(NOTHING);
    auto* pool = known<Pool>(handle, call.name);
    if (!pool) return INVALID_HANDLE;
    trim(pool, kept);
    return SUCCESS;
}

CUDA_API int cuMemPoolGetAttribute(void* handle, int attribute, void* value) {
    ENTER(NOTHING);
    const auto* pool = known<Pool>(handle, call.name);
    if (!pool) return INVALID_HANDLE;
    switch (attribute) {
        case 4: *static_cast<uint64_t*>(value) = pool->release_threshold; break;
        case 5: *static_cast<uint64_t*>(value) = pool->reserved; break;
        case 6: *static_cast<uint64_t*>(value) = pool->most_reserved; break;
        case 7: *static_cast<uint64_t*>(value) = pool->used; break;
        case 8: *static_cast<uint64_t*>(value) = pool->most_used; break;
        default: *static_cast<int*>(value) = 1;  // whether memory may be reused
    }
    return SUCCESS;
}

CUDA_API int cuMemPoolSetAttribute(void* handle, int attribute, const void* value) {
    ENTER(NOTHING);
    auto* pool = known<Pool>(handle, call.name);
    if (!pool) return INVALID_HANDLE;
    if (attribute == 4) pool->release_threshold = *static_cast<const uint64_t*>(value);
    return SUCCESS;
}

CUDA_API int cuPointerGetAttributes(unsigned count, const int* attributes, void** values, uintptr_t address) {
    ENTER(NOTHING);
    const Allocation* allocation = allocation_at(address);
    if (allocation && !allocation->alive) allocation = nullptr;
    for (unsigned i = 0; i < count; ++i) {
        switch (attributes[i]) {
            case 1: *static_cast<Context**>(values[i]) = allocation ? allocation->context : nullptr; break;
            case 2: *static_cast<int*>(values[i]) = allocation ? allocation->type : 0; break;
            case 3:
            case 4: *static_cast<uintptr_t*>(values[i]) = allocation ? address : 0; break;
            case 8: *static_cast<int*>(values[i]) = 0; break;  // managed
            case 9: *static_cast<int*>(values[i]) = allocation ? allocation->context->device : -2; break;
            default: *static_cast<int*>(values[i]) = 0;
        }
    }
    return SUCCESS;
}

CUDA_API int cuPointerGetAttribute(void* value, int attribute, uintptr_t address) {
    ENTER(NOTHING);
    return cuPointerGetAttributes(1, &attribute, &value, address);
}
