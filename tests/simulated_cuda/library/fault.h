// What happens when the host touches the device's memory.
#pragma once

#include <cstddef>

namespace simulated_cuda {

// The exit code of a process whose host code touched the device's memory.
constexpr int HOST_TOUCHED_DEVICE = 70;

// Ends the process with one line and HOST_TOUCHED_DEVICE at the first access to one of these
// addresses, which must be protected.
void watch_device_addresses(const char* start, size_t size);

}  // namespace simulated_cuda
