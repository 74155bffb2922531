// Captures of streams, and the graphs that they become.
#include "stand_in.h"

struct Graph : Object {
    static constexpr const char* KIND = "graph";
    Graph(Context* context, std::vector<Work> nodes) : Object(KIND, context), nodes(std::move(nodes)) {}

    std::vector<Work> nodes;
};

struct ExecutableGraph : Object {
    static constexpr const char* KIND = "executable graph";
    ExecutableGraph(Context* context, std::vector<Work> nodes) : Object(KIND, context), nodes(std::move(nodes)) {}

    std::vector<Work> nodes;
};

CUDA_API int cuStreamBeginCapture(void* handle, int mode) {
    ENTER(NOTHING);
    Stream* stream = stream_of(handle, call);
    if (!stream) return INVALID_HANDLE;
    if (stream == stream->context->legacy) {
        complain("cuStreamBeginCapture of the legacy default stream");
        return CAPTURE_UNSUPPORTED;
    }
    if (stream->capture) {
        complain("cuStreamBeginCapture of a stream that is captured already");
        return INVALID_VALUE;
    }
    stream->capture = std::make_shared<Capture>(stream, CaptureMode(mode));
    return SUCCESS;
}

static Result end_capture(Stream* stream, Graph** graph) {
    const std::shared_ptr<Capture> capture = stream->capture;
    if (!capture) return INVALID_VALUE;
    if (capture->origin != stream) {
        complain("cuStreamEndCapture of another stream than the capture began with");
        return CAPTURE_UNMATCHED;
    }
    if (capture->mode != CAPTURE_RELAXED && capture->thread != std::this_thread::get_id()) {
        complain("cuStreamEndCapture in another thread than the capture began in");
        return CAPTURE_WRONG_THREAD;
    }
    bool joined = true;
    for (const auto& [other, has_more] : capture->others) {
        joined = joined && !has_more;
        other->capture.reset();
    }
    stream->capture.reset();
    if (capture->broken) return CAPTURE_INVALIDATED;
    if (!joined) {
        complain("cuStreamEndCapture before the stream waited for the others of the capture");
        return CAPTURE_UNJOINED;
    }
    *graph = new Graph(stream->context, capture->nodes);
    return SUCCESS;
}

CUDA_API int cuStreamEndCapture(void* handle, Graph** graph) {
    ENTER(NOTHING);
    *graph = nullptr;
    Stream* stream = stream_of(handle, call);
    return stream ? end_capture(stream, graph) : INVALID_HANDLE;
}

static int status_of(const Stream& stream) {
    if (!stream.capture) return NOT_CAPTURING;
    return stream.capture->broken ? CAPTURE_BROKEN : CAPTURING;
}

CUDA_API int cuStreamIsCapturing(void* handle, int* status) {
    ENTER(NOTHING);
    const Stream* stream = stream_of(handle, call);
    if (!stream) return INVALID_HANDLE;
    *status = status_of(*stream);
    return SUCCESS;
}

CUDA_API int cuGraphInstantiateWithFlags(ExecutableGraph** executable, void* handle, uint64_t) {
    ENTER(NOTHING);
    const auto* graph = known<Graph>(handle, call.name);
    if (!graph) return INVALID_HANDLE;
    *executable = new ExecutableGraph(graph->context, graph->nodes);
    return SUCCESS;
}

CUDA_API int cuGraphGetNodes(void* handle, void**, size_t* count) {
    ENTER(NOTHING);
    const auto* graph = known<Graph>(handle, call.name);
    if (!graph) return INVALID_HANDLE;
    *count = graph->nodes.size();
    return SUCCESS;
}

// An executable graph takes the nodes of another one if they are of the same kinds.
CUDA_API int cuGraphExecUpdate(void* executable_handle, void* handle, void*) {
    ENTER(NOTHING);
    auto* executable = known<ExecutableGraph>(executable_handle, call.name);
    const auto* graph = known<Graph>(handle, call.name);
    if (!executable || !graph) return INVALID_HANDLE;
    bool fits = executable->nodes.size() == graph->nodes.size();
    for (size_t i = 0; fits && i < graph->nodes.size(); ++i) fits = executable->nodes[i].kind == graph->nodes[i].kind;
    if (!fits) return GRAPH_UPDATE_FAILURE;
    executable->nodes = graph->nodes;
    return SUCCESS;
}

CUDA_API int cuGraphUpload(void* executable, void* stream) {
    ENTER(NOTHING);
    return known<ExecutableGraph>(executable, call.name) && stream_of(stream, call) ? SUCCESS : INVALID_HANDLE;
}

CUDA_API int cuGraphLaunch(void* handle, void* stream_handle) {
    ENTER(CONTEXT);
    const auto* executable = known<ExecutableGraph>(handle, call.name);
    Stream* stream = stream_of(stream_handle, call);
    if (!executable || !stream) return INVALID_HANDLE;
    if (executable->context != stream->context) {
        complain("cuGraphLaunch of a graph of another device");
        return INVALID_VALUE;
    }
    for (const Work& node : executable->nodes)
        if (const Result result = put(stream, call, node)) return result;
    return SUCCESS;
}

CUDA_API int cuGraphExecDestroy(void* handle) {
    ENTER(NO_CAPTURE);
    auto* executable = known<ExecutableGraph>(handle, call.name);
    if (!executable) return INVALID_HANDLE;
    executable->end();
    return SUCCESS;
}

CUDA_API int cuGraphDestroy(void* handle) {
    ENTER(NOTHING);
    auto* graph = known<Graph>(handle, call.name);
    if (!graph) return INVALID_HANDLE;
    graph->end();
    return SUCCESS;
}
