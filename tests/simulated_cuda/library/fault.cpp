// A handler of the fault that an access to the device's addresses is.
#include "fault.h"

#include <execinfo.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>

namespace simulated_cuda {
namespace {

const char* device_start = nullptr;
size_t device_size = 0;

void on_fault(int signal, siginfo_t* info, void*) {
  const auto* address = static_cast<const char*>(info->si_addr);
  if (address < device_start || address >= device_start + device_size) {
    // Another fault: returning repeats the access, now with what the system does by itself.
    ::signal(signal, SIG_DFL);
    return;
  }
  std::array<char, 160> line;
  const int length = std::snprintf(line.data(), line.size(),
                                   "simulated CUDA: the host touched device memory at %p; the calls, for "
                                   "addr2line:\n",
                                   static_cast<const void*>(address));
  if (write(STDERR_FILENO, line.data(), static_cast<size_t>(length)) < 0) _exit(HOST_TOUCHED_DEVICE);
  std::array<void*, 24> frames;
  const int depth = backtrace(frames.data(), static_cast<int>(frames.size()));
  backtrace_symbols_fd(frames.data(), depth, STDERR_FILENO);
  _exit(HOST_TOUCHED_DEVICE);
}

}  // namespace

void watch_device_addresses(const char* start, size_t size) {
  device_start = start;
  device_size = size;
  // The first call loads a library, which a handler must not.
  std::array<void*, 1> frame;
  backtrace(frame.data(), 1);
  struct sigaction action = {};
  action.sa_sigaction = on_fault;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigaction(SIGSEGV, &action, nullptr);
}

}  // namespace simulated_cuda
