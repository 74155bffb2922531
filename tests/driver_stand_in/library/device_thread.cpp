// The thread that runs all work, as a device does: host functions run in a thread of the driver, which no Python signal
// handler interrupts, and memory that faults breaks the context, not the process.
#include <condition_variable>
#include <csetjmp>
#include <csignal>

#include "stand_in.h"

static thread_local bool is_device = false;
static thread_local sigjmp_buf* escape = nullptr;
static thread_local uintptr_t fault;

namespace {
struct Mailbox {
    std::mutex mutex;
    std::condition_variable changed;
    const std::function<void()>* function = nullptr;
};
}  // namespace

static Mailbox& mailbox() {
    static Mailbox& only = *[] {
        auto* made = new Mailbox;
        std::thread([made] {
            is_device = true;
            std::unique_lock<std::mutex> lock(made->mutex);
            while (true) {
                made->changed.wait(lock, [made] { return made->function; });
                (*made->function)();
                made->function = nullptr;
                made->changed.notify_all();
            }
        }).detach();
        return made;
    }();
    return only;
}

bool is_device_thread() { return is_device; }

void run_on_device(const std::function<void()>& function) {
    if (is_device) return function();
    Mailbox& box = mailbox();  // the lock of the library lets one caller in at a time
    std::unique_lock<std::mutex> lock(box.mutex);
    box.function = &function;
    box.changed.notify_all();
    box.changed.wait(lock, [&box] { return !box.function; });
}

static void leave(int, siginfo_t* info, void*) {
    if (!escape) {  // not ours: fault again, with the default action
        std::signal(SIGSEGV, SIG_DFL);
        return;
    }
    fault = reinterpret_cast<uintptr_t>(info->si_addr);
    siglongjmp(*escape, 1);
}

// Leaves without running destructors: what the function has allocated is lost.
bool survives(const std::function<void()>& function, uintptr_t* address) {
    struct sigaction action = {}, segv, bus;
    action.sa_sigaction = leave;
    action.sa_flags = SA_SIGINFO | SA_NODEFER;
    sigaction(SIGSEGV, &action, &segv);
    sigaction(SIGBUS, &action, &bus);
    sigjmp_buf here;
    escape = &here;
    const bool faulted = sigsetjmp(here, 1);
    if (!faulted) function();
    escape = nullptr;
    *address = fault;
    sigaction(SIGSEGV, &segv, nullptr);
    sigaction(SIGBUS, &bus, nullptr);
    return !faulted;
}
