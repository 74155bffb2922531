// Kernels on a host with FOMM_HOST_THREADS real threads to a block: a block's loops are shared out among them as among a
// GPU's, and barriers are barriers. A thread sanitizer then reports
//
//     a missing barrier                  two threads of a block touch the same memory, unordered
//     blocks that touch the same memory  BLOCKS_AT_ONCE blocks run at a time, each with its own shared memory, unordered
//
// and a barrier that not all threads reach ends the process, with a message.
//
// The number should be odd. Thread t of T takes every T-th place; were T a power of two, all halves but the smallest of
// 256 lanes would fall to one thread, and the barriers of a reduction would order nothing.
#pragma once

#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

constexpr int BLOCKS_AT_ONCE = 2;

// Where the threads of a block wait for each other.
class Barrier {
public:
    // `place` tells one barrier of a kernel from another.
    void wait(int place) {
        // A thread that wakes up late locks the mutex after others have gone on. Were theirs the same at the next
        // barrier, the sanitizer would take what they did between for done before the late one began.
        static thread_local bool odd = false;
        Meeting& meeting = meetings_[odd = !odd];
        std::unique_lock<std::mutex> lock(meeting.mutex);
        if (meeting.arrived && place != meeting.place) {
            std::fprintf(stderr, "threads of one block wait in lines %d and %d\n", meeting.place, place);
            std::abort();
        }
        meeting.place = place;
        const long long round = meeting.round;
        if (++meeting.arrived == FOMM_HOST_THREADS) {
            meeting.arrived = 0;
            ++meeting.round;
            meeting.all.notify_all();
        } else {
            meeting.all.wait(lock, [&] { return meeting.round != round; });
        }
    }

private:
    struct Meeting {
        std::mutex mutex;
        std::condition_variable all;
        int arrived = 0, place = 0;
        long long round = 0;
    };
    Meeting meetings_[2];
};

static thread_local int host_thread;  // its number in the block
static thread_local Barrier* host_barrier;

// Calls run_block(x, y, shared) for all blocks, each by FOMM_HOST_THREADS threads.
template <typename RunBlock>
static void run_blocks(int blocks_x, int blocks_y, int shared_bytes, const RunBlock& run_block) {
    Barrier barriers[BLOCKS_AT_ONCE];
    std::unique_ptr<unsigned char[]> shared[BLOCKS_AT_ONCE];
    std::vector<std::thread> threads;
    for (int first = 0; first < BLOCKS_AT_ONCE; ++first) {
        shared[first].reset(new unsigned char[shared_bytes]);
        for (int number = 0; number < FOMM_HOST_THREADS; ++number)
            threads.emplace_back([=, &barriers, &shared, &run_block] {
                host_thread = number;
                host_barrier = &barriers[first];
                for (int block = first; block < blocks_x * blocks_y; block += BLOCKS_AT_ONCE) {
                    if (number == 0) std::memset(shared[first].get(), 0xff, shared_bytes);  // NaN, as in portable.h
                    host_barrier->wait(0);
                    run_block(block % blocks_x, block / blocks_x, shared[first].get());
                    host_barrier->wait(-1);
                }
            });
    }
    for (std::thread& thread : threads) thread.join();
}

#define FOMM_THREADS(i, count) for (int i = host_thread; i < (count); i += FOMM_HOST_THREADS)
#define FOMM_BARRIER() host_barrier->wait(__LINE__)
