// What every call goes through, and captures as far as they concern all calls.
#include "control.h"
#include "stand_in.h"

static std::recursive_mutex& library_mutex() {
    static auto& mutex = *new std::recursive_mutex;
    return mutex;
}

static bool is_disturbed(const Capture& capture) {
    if (capture.mode == CAPTURE_GLOBAL) return true;
    return capture.mode == CAPTURE_THREAD_LOCAL && capture.thread == std::this_thread::get_id();
}

bool disturbs_capture(const char* call) {
    bool any = false;
    for (int device = 0; device < DEVICES; ++device)
        for (Stream* stream : streams_of(context_of(device)))
            if (stream->capture && is_disturbed(*stream->capture)) stream->capture->broken = any = true;
    if (any) complain("%s while a stream is captured, which it breaks", call);
    return any;
}

Call::Call(const char* name, unsigned needs) : name(name), lock_(library_mutex(), std::defer_lock) {
    if (is_in_host_function()) {
        complain("%s in a host function, where no call is permitted", name);
        refusal = NOT_PERMITTED;
        return;  // who waits for the host function holds the lock
    }
    lock_.lock();
    count_call(name);
    if ((refusal = failure_of(name))) return;
    if (needs & NO_CAPTURE && disturbs_capture(name)) {
        refusal = CAPTURE_UNSUPPORTED;
        return;
    }
    if (!(needs & CONTEXT)) return;
    const Context* context = current_context();
    if (!context) {
        complain("%s without a current context", name);
        refusal = INVALID_CONTEXT;
    } else if (!context->references) {
        complain("%s after the context was released", name);
        refusal = CONTEXT_IS_DESTROYED;
    } else {
        refusal = context->broken;
    }
}
