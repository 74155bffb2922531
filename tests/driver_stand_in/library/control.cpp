// The functions by which tests look at the stand-in and set it up; they are not part of CUDA's driver.
#include "control.h"

#include <map>

#include "stand_in.h"

static std::map<std::string, long> calls;
struct Failure {
    Result result;
    int times;
};
static std::map<std::string, Failure> failures;

void count_call(const char* name) { ++calls[name]; }

Result failure_of(const char* name) {
    const auto found = failures.find(name);
    if (found == failures.end()) return SUCCESS;
    const Result result = found->second.result;
    if (--found->second.times == 0) failures.erase(found);
    return result;
}

CUDA_API int stand_in_complaints() { return int(complaints().size()); }
CUDA_API const char* stand_in_complaint(int index) { return complaints().at(index).c_str(); }
CUDA_API void stand_in_forget_complaints() { complaints().clear(); }
CUDA_API void stand_in_complain(const char* text) { complain("%s", text); }

CUDA_API long stand_in_calls(const char* name) { return calls[name]; }
// Makes the next `times` calls of a function answer `result`.
CUDA_API void stand_in_fail(const char* name, int result, int times) { failures[name] = {Result(result), times}; }

// Numbers grow, so what was made between two moments is what has a number between theirs.
CUDA_API long stand_in_objects_made() { return objects_made(); }
// Fills in the kind of the next living object after a number; returns its own number, 0 if there is none.
CUDA_API long stand_in_next_living(long after, const char** kind, size_t* bytes) {
    const auto found = living_objects().upper_bound(after);
    if (found == living_objects().end()) return 0;
    *kind = found->second->kind;
    const auto* allocation = dynamic_cast<Allocation*>(found->second);
    *bytes = allocation ? allocation->size : 0;
    return found->first;
}
// What broke a context lasts as long as the process on a GPU; here the next test begins with new ones.
CUDA_API void stand_in_mend() {
    for (int device = 0; device < DEVICES; ++device) context_of(device).broken = SUCCESS;
}
CUDA_API void stand_in_break() {
    for (int device = 0; device < DEVICES; ++device) context_of(device).broken = ILLEGAL_ADDRESS;
}
CUDA_API long stand_in_waiting() {
    long waiting = 0;
    for (int device = 0; device < DEVICES; ++device)
        for (const Stream* stream : streams_of(context_of(device))) waiting += long(stream->waiting.size());
    return waiting;
}
