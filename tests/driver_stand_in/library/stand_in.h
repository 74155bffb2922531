// A stand-in for NVIDIA's driver in host memory: what all its parts share.
//
// Device memory is host memory between pages that fault. Streams are queues that run as late as the driver allows: when
// something waits for them. Kernels run in the project's host build. So a missing synchronisation always shows, not
// only on a fast GPU and not only sometimes.
//
// The stand-in answers as the driver does, and complains besides of whatever no correct program does. Tests read the
// complaints through the functions of control.cpp.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "cuda_api.h"

// Keeps a sentence for the tests, written like printf.
__attribute__((format(printf, 1, 2))) void complain(const char* format, ...);

struct Context;

// Anything with a handle. Objects are never deleted, so a stale handle is known for one.
struct Object {
    Object(const char* kind, Context* context);
    virtual ~Object() = default;
    void end();  // the program has freed it

    const char* kind;
    Context* context;
    long number;  // counts all objects of the process
    bool alive = true;
};

std::map<long, Object*>& living_objects();
// The object of a handle; null, with a complaint, if there is none or it has ended.
Object* object_of(void* handle, const char* kind, const char* call);
template <typename T>
T* known(void* handle, const char* call) {
    return static_cast<T*>(object_of(handle, T::KIND, call));
}

struct Allocation;
struct Stream;

// A piece of work in a stream or a graph.
struct Work {
    std::string kind;
    std::function<void(Stream&)> run;
};

// What begins with cuStreamBeginCapture; other streams join it by waiting for its events.
struct Capture {
    Capture(Stream* origin, CaptureMode mode) : origin(origin), mode(mode), thread(std::this_thread::get_id()) {}

    Stream* origin;
    CaptureMode mode;
    std::thread::id thread;
    bool broken = false;
    std::vector<Work> nodes;
    // Stream -> true if it has work that the origin has not waited for.
    std::map<Stream*, bool> others;
};

struct Stream : Object {
    static constexpr const char* KIND = "stream";
    Stream(Context* context, unsigned flags);

    void queue(Work work);
    void run_until(long count);  // has the device run work until `count` pieces of it are done in all
    void run_all() { run_until(queued); }

    unsigned flags;
    std::deque<Work> waiting;
    long queued = 0, done = 0;
    std::shared_ptr<Capture> capture;
};

struct Event : Object {
    static constexpr const char* KIND = "event";
    Event(Context* context, unsigned flags) : Object(KIND, context), flags(flags) {}

    unsigned flags;
    Stream* stream = nullptr;  // where it was recorded last
    long place = 0;            // how much of that stream comes before it
    double time_ms = -1;
    std::shared_ptr<Capture> captured;
};

struct Pool : Object {
    static constexpr const char* KIND = "memory pool";
    explicit Pool(Context* context) : Object(KIND, context) {}

    size_t used = 0, reserved = 0, most_used = 0, most_reserved = 0;
    uint64_t release_threshold = 0;
};

// The primary context of a device.
struct Context {
    int device;
    int references = 0;
    Result broken = SUCCESS;  // the error of all later calls
    Stream* legacy = nullptr;
    std::map<std::thread::id, Stream*> of_threads;
    Pool* pool = nullptr;
};

constexpr int DEVICES = 2;
constexpr size_t DEVICE_BYTES = size_t(16) << 30;

Context& context_of(int device);
Context* current_context();
std::vector<Stream*> streams_of(const Context& context);

// ---- Calls

enum Needs : unsigned {
    NOTHING = 0,
    CONTEXT = 1,   // a current context, unbroken
    NO_CAPTURE = 2  // CUDA calls it unsafe: it breaks captures
};

// Every entry point begins with one. It holds the lock of the library, counts the call, and says if it is refused.
class Call {
public:
    explicit Call(const char* name, unsigned needs = NOTHING);

    const char* name;
    Result refusal = SUCCESS;

private:
    std::unique_lock<std::recursive_mutex> lock_;
};

#define ENTER(needs)               \
    Call call(__func__, needs);    \
    if (call.refusal) return call.refusal

// The stream of a handle, of the current context for the handles that always exist; null if it is refused.
Stream* stream_of(void* handle, const Call& call);
// Queues work on a stream, or adds it to what the stream captures.
Result put(Stream* stream, const Call& call, Work work);
// Breaks the captures that a call of this thread disturbs; true if there are any.
bool disturbs_capture(const char* call);
bool is_in_host_function();
// Runs a function in the thread that stands for the device, and waits for it.
void run_on_device(const std::function<void()>& function);
bool is_device_thread();

// ---- Memory

struct Allocation : Object {
    static constexpr const char* KIND = "allocation";
    Allocation(Context* context, MemoryType type, size_t size);

    bool is_intact() const;  // nothing was written beside it

    MemoryType type;
    uintptr_t mapping, mapped;  // all of it, with the pages that fault on both sides
    uintptr_t address;
    size_t size;
    Pool* pool = nullptr;
    bool ready = true;  // its stream has come to its allocation
};

// The allocation around an address, living or not; null if the address is none of ours.
Allocation* allocation_at(uintptr_t address);
// Complains if `size` bytes cannot be read or written by work of a stream; pinned memory can.
bool check_memory(uintptr_t address, size_t size, const Stream& stream, const char* doing);
// Complains about addresses in a kernel's parameters that a GPU cannot reach; false if there are any.
bool check_pointers(const unsigned char* parameters, size_t size, const Stream& stream, const char* kernel);
size_t allocated_bytes(const Context& context, MemoryType type);

// Runs a function. If it touches memory that faults, returns false and the address.
bool survives(const std::function<void()>& function, uintptr_t* address);
