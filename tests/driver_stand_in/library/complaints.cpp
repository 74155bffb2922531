// Complaints, and the objects that handles stand for.
#include <cstdarg>
#include <cstdio>
#include <unordered_map>

#include "control.h"
#include "stand_in.h"

std::vector<std::string>& complaints() {
    static auto& kept = *new std::vector<std::string>;  // outlives static destructors
    return kept;
}

void complain(const char* format, ...) {
    char text[500];
    va_list arguments;
    va_start(arguments, format);
    std::vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    complaints().push_back(text);
}

static std::unordered_map<void*, Object*>& all_objects() {
    static auto& all = *new std::unordered_map<void*, Object*>;
    return all;
}

std::map<long, Object*>& living_objects() {
    static auto& living = *new std::map<long, Object*>;
    return living;
}

static long made = 0;

Object::Object(const char* kind, Context* context) : kind(kind), context(context), number(++made) {
    all_objects()[this] = this;
    living_objects()[number] = this;
}

void Object::end() {
    alive = false;
    living_objects().erase(number);
}

long objects_made() { return made; }

Object* object_of(void* handle, const char* kind, const char* call) {
    const auto found = all_objects().find(handle);
    if (found == all_objects().end() || found->second->kind != kind) {
        complain("%s: %p is no %s", call, handle, kind);
        return nullptr;
    }
    if (!found->second->alive) {
        complain("%s: the %s was destroyed before", call, kind);
        return nullptr;
    }
    return found->second;
}
