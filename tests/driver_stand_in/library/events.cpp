// Events: places in streams to wait for, and times.
#include <ctime>

#include "stand_in.h"

static double now_ms() {
    timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return double(now.tv_sec) * 1e3 + double(now.tv_nsec) * 1e-6;
}

CUDA_API int cuEventCreate(Event** event, unsigned flags) {
    ENTER(CONTEXT);
    *event = new Event(current_context(), flags);
    return SUCCESS;
}

// Waits that are queued keep what they wait for.
CUDA_API int cuEventDestroy(void* handle) {
    ENTER(NOTHING);
    auto* event = known<Event>(handle, call.name);
    if (!event) return INVALID_HANDLE;
    event->end();
    return SUCCESS;
}

static Result record(void* handle, void* stream_handle, bool external, const Call& call) {
    auto* event = known<Event>(handle, call.name);
    Stream* stream = stream_of(stream_handle, call);
    if (!event || !stream) return INVALID_HANDLE;
    if (event->context != stream->context) {
        complain("%s: the event and the stream are of different devices", call.name);
        return INVALID_HANDLE;
    }
    if (stream->capture && !external) {
        // An edge of the graph: whoever waits for it joins the capture.
        event->captured = stream->capture;
        event->stream = stream;
        event->place = long(stream->capture->nodes.size());
        return stream->capture->broken ? CAPTURE_INVALIDATED : SUCCESS;
    }
    if (!stream->capture && external) {
        complain("%s: an external event is recorded outside of a capture", call.name);
        return INVALID_VALUE;
    }
    if (external)  // by every launch of the graph anew
        return put(stream, call, {"event", [event](Stream& runs) {
                       if (!event->alive) return complain("a graph records an event that was destroyed");
                       event->time_ms = now_ms();
                       event->stream = &runs;
                       event->place = runs.done;
                   }});
    const Result result = put(stream, call, {"event", [event](Stream&) { event->time_ms = now_ms(); }});
    if (!result) {
        event->captured.reset();
        event->stream = stream;
        event->place = stream->queued;
    }
    return result;
}

CUDA_API int cuEventRecord(void* event, void* stream) {
    ENTER(NOTHING);
    return record(event, stream, false, call);
}

CUDA_API int cuEventRecordWithFlags(void* event, void* stream, unsigned flags) {
    ENTER(NOTHING);
    return record(event, stream, flags & EVENT_EXTERNAL, call);
}

CUDA_API int cuStreamWaitEvent(void* handle, void* event_handle, unsigned) {
    ENTER(NOTHING);
    Stream* stream = stream_of(handle, call);
    auto* event = known<Event>(event_handle, call.name);
    if (!stream || !event) return INVALID_HANDLE;
    if (event->captured) {
        if (stream->capture && stream->capture != event->captured) {
            stream->capture->broken = event->captured->broken = true;
            complain("cuStreamWaitEvent of an event of another capture");
            return CAPTURE_ISOLATION;
        }
        const bool joins = !stream->capture;
        stream->capture = event->captured;
        if (joins) stream->capture->others[stream] = true;
        // Work is captured in one order, so the event covers all that its stream had when it was recorded.
        if (event->place == long(stream->capture->nodes.size()) && event->stream != stream->capture->origin)
            stream->capture->others[event->stream] = false;
        return SUCCESS;
    }
    if (stream->capture) {
        stream->capture->broken = true;
        complain("cuStreamWaitEvent: captured work cannot wait for work that is not captured");
        return CAPTURE_ISOLATION;
    }
    if (!event->stream) return SUCCESS;  // never recorded
    Stream* other = event->stream;
    const long place = event->place;
    return put(stream, call, {"wait", [other, place](Stream&) { other->run_until(place); }});
}

CUDA_API int cuEventQuery(void* handle) {
    ENTER(NO_CAPTURE);
    const auto* event = known<Event>(handle, call.name);
    if (!event) return INVALID_HANDLE;
    if (event->captured) return CAPTURED_EVENT;
    if (!event->stream || event->stream->done >= event->place) return event->context->broken;
    event->stream->run_until(event->stream->done + 1);
    return NOT_READY;
}

CUDA_API int cuEventSynchronize(void* handle) {
    ENTER(NO_CAPTURE);
    const auto* event = known<Event>(handle, call.name);
    if (!event) return INVALID_HANDLE;
    if (event->captured) return CAPTURED_EVENT;
    if (event->stream) event->stream->run_until(event->place);
    return event->context->broken;
}

CUDA_API int cuEventElapsedTime(float* ms, void* start_handle, void* end_handle) {
    ENTER(NOTHING);
    const auto *start = known<Event>(start_handle, call.name), *end = known<Event>(end_handle, call.name);
    if (!start || !end) return INVALID_HANDLE;
    if ((start->flags | end->flags) & EVENT_DISABLE_TIMING) {
        complain("cuEventElapsedTime of events without timing");
        return INVALID_HANDLE;
    }
    if (start->time_ms < 0 || end->time_ms < 0) {
        complain("cuEventElapsedTime of an event that was never recorded");
        return INVALID_HANDLE;
    }
    for (const Event* event : {start, end})
        if (event->stream->done < event->place) return NOT_READY;
    *ms = float(end->time_ms - start->time_ms);
    return SUCCESS;
}
