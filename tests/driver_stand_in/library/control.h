// What the tests are told, see control.cpp.
#pragma once

#include <string>
#include <vector>

#include "cuda_api.h"

std::vector<std::string>& complaints();
long objects_made();
void count_call(const char* name);
Result failure_of(const char* name);  // what a test wants this call to answer; SUCCESS if it wants nothing
