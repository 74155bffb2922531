// Streams: queues of work that run when something waits for them.
#include "stand_in.h"

static thread_local bool in_host_function = false;

bool is_in_host_function() { return in_host_function; }

static std::vector<Stream*>& all_streams() {
    static auto& all = *new std::vector<Stream*>;
    return all;
}

std::vector<Stream*> streams_of(const Context& context) {
    std::vector<Stream*> found;
    for (Stream* stream : all_streams())
        if (stream->context == &context && stream->alive) found.push_back(stream);
    return found;
}

Stream::Stream(Context* context, unsigned flags) : Object(KIND, context), flags(flags) { all_streams().push_back(this); }

// The streams of a context that always exist are no objects of the program: it need not destroy them.
static Stream* lasting_stream(Context* context, Stream*& place) {
    if (!place) {
        place = new Stream(context, 0);
        living_objects().erase(place->number);
    }
    return place;
}

Stream* stream_of(void* handle, const Call& call) {
    const auto number = reinterpret_cast<uintptr_t>(handle);
    if (number > THREAD_STREAM) return known<Stream>(handle, call.name);
    Context* context = current_context();
    if (!context) {
        complain("%s on a default stream without a current context", call.name);
        return nullptr;
    }
    if (number == THREAD_STREAM) return lasting_stream(context, context->of_threads[std::this_thread::get_id()]);
    return lasting_stream(context, context->legacy);
}

void Stream::queue(Work work) {
    waiting.push_back(std::move(work));
    ++queued;
}

void Stream::run_until(long count) {
    if (done >= count || waiting.empty()) return;
    run_on_device([=] {
        while (done < count && !waiting.empty()) {
            const Work work = std::move(waiting.front());
            waiting.pop_front();
            ++done;
            if (!context->broken) work.run(*this);  // a broken context runs nothing
        }
    });
}

// The legacy stream and blocking streams wait for what the other has so far.
static void wait_as_legacy_does(Stream* stream) {
    Context* context = stream->context;
    const auto wait_for = [stream](Stream* other) {
        const long place = other->queued;
        if (other != stream && other->done < place)
            stream->queue({"wait", [other, place](Stream&) { other->run_until(place); }});
    };
    if (stream->flags & STREAM_NON_BLOCKING) return;
    if (stream == context->legacy) {
        for (Stream* other : streams_of(*context))
            if (!(other->flags & STREAM_NON_BLOCKING)) wait_for(other);
    } else if (context->legacy) {
        wait_for(context->legacy);
    }
}

Result put(Stream* stream, const Call& call, Work work) {
    if (!stream) return INVALID_HANDLE;
    if (stream->context->broken) return stream->context->broken;
    if (Capture* capture = stream->capture.get()) {
        if (capture->broken) return CAPTURE_INVALIDATED;
        capture->nodes.push_back(std::move(work));
        if (stream != capture->origin) capture->others[stream] = true;
        return SUCCESS;
    }
    if (stream == stream->context->legacy && disturbs_capture(call.name)) return CAPTURE_IMPLICIT;
    wait_as_legacy_does(stream);
    stream->queue(std::move(work));
    return SUCCESS;
}

CUDA_API int cuStreamCreateWithPriority(Stream** stream, unsigned flags, int) {
    ENTER(CONTEXT);
    *stream = new Stream(current_context(), flags);
    return SUCCESS;
}

CUDA_API int cuStreamCreate(Stream** stream, unsigned flags) {
    ENTER(CONTEXT);
    *stream = new Stream(current_context(), flags);
    return SUCCESS;
}

// The driver destroys a stream when its work is done; here its work is done at once.
CUDA_API int cuStreamDestroy(void* handle) {
    ENTER(NOTHING);
    auto* stream = known<Stream>(handle, call.name);
    if (!stream) return INVALID_HANDLE;
    if (stream->capture) {
        complain("cuStreamDestroy of a stream that is captured");
        stream->capture->broken = true;
    }
    stream->run_all();
    stream->end();
    return SUCCESS;
}

CUDA_API int cuStreamSynchronize(void* handle) {
    ENTER(NO_CAPTURE);
    Stream* stream = stream_of(handle, call);
    if (!stream) return INVALID_HANDLE;
    if (stream->capture) {
        complain("cuStreamSynchronize of a stream that is captured");
        stream->capture->broken = true;
        return CAPTURE_UNSUPPORTED;
    }
    wait_as_legacy_does(stream);
    stream->run_all();
    return stream->context->broken;
}

// Asking makes a little progress, so a loop that asks ends.
CUDA_API int cuStreamQuery(void* handle) {
    ENTER(NO_CAPTURE);
    Stream* stream = stream_of(handle, call);
    if (!stream) return INVALID_HANDLE;
    if (stream->context->broken) return stream->context->broken;
    if (stream->waiting.empty()) return SUCCESS;
    stream->run_until(stream->done + 1);
    return NOT_READY;
}

CUDA_API int cuStreamGetCtx(void* handle, Context** context) {
    ENTER(NOTHING);
    const Stream* stream = stream_of(handle, call);
    if (!stream) return INVALID_HANDLE;
    *context = stream->context;
    return SUCCESS;
}

CUDA_API int cuStreamGetDevice(void* handle, int* device) {
    ENTER(NOTHING);
    const Stream* stream = stream_of(handle, call);
    if (!stream) return INVALID_HANDLE;
    *device = stream->context->device;
    return SUCCESS;
}

CUDA_API int cuStreamGetFlags(void* handle, unsigned* flags) {
    ENTER(NOTHING);
    const Stream* stream = stream_of(handle, call);
    if (!stream) return INVALID_HANDLE;
    *flags = stream->flags;
    return SUCCESS;
}

CUDA_API int cuStreamGetPriority(void* handle, int* priority) {
    ENTER(NOTHING);
    if (!stream_of(handle, call)) return INVALID_HANDLE;
    *priority = 0;
    return SUCCESS;
}

CUDA_API int cuStreamGetId(void* handle, uint64_t* number) {
    ENTER(NOTHING);
    const Stream* stream = stream_of(handle, call);
    if (!stream) return INVALID_HANDLE;
    *number = uint64_t(stream->number);
    return SUCCESS;
}

CUDA_API int cuLaunchHostFunc(void* handle, void (*function)(void*), void* argument) {
    ENTER(NOTHING);
    return put(stream_of(handle, call), call, {"host function", [=](Stream&) {
                   in_host_function = true;
                   function(argument);
                   in_host_function = false;
               }});
}
