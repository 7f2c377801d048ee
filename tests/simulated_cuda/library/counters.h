// What a real GPU would have been asked to do, counted.
#pragma once

#include <string>

namespace simulated_cuda {

enum class Event {
  // A kernel is put in the device's queue: the host pays some microseconds and goes on.
  Launch,
  // The host waits for a number of the device, and so for all that was queued before it.
  Read,
  // Numbers of the host are copied to the device.
  Upload,
  // An upload that makes the host wait: every one that is not from pinned memory and declared as
  // not blocking.
  BlockingUpload,
  // The host asks to wait for the device.
  Synchronisation,
};

// Counts one event of an operator. With SIMULATED_CUDA_COUNTS=PATH the sums are written there as JSON
// when the process ends; SIMULATED_CUDA_BREAKDOWN=1 adds the sums of every operator, and where in the
// program each read and each blocking upload was asked for, as addresses for addr2line.
void count(Event event, const std::string& name);

// The bytes that are allocated now; the largest number of them is written with the counts.
void note_memory(size_t bytes);

}  // namespace simulated_cuda
