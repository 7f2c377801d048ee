// The memory of the simulated device, which the host can't touch.
//
// Its numbers lie in ordinary memory. A tensor is given another address, at a fixed distance, in a
// range that nobody may read or write: a host that takes it for its own memory faults at once, as it
// would with a real device's address. The kernels of this library go by the ordinary memory.
#pragma once

#include <c10/core/Allocator.h>
#include <c10/core/Storage.h>

namespace simulated_cuda {

// One piece of device memory: the context of a storage's pointer.
struct Allocation {
  // Where the numbers are.
  char* real;
  // The bytes that were asked for, and those that were taken for them.
  size_t bytes, taken;
  // The same numbers as a storage of the CPU, for its kernels. It is one for all tensors that share
  // the memory, so that the CPU sees which of them overlap.
  c10::Storage host;
};

// The allocator of device memory. What it gives is filled with NaN, in every kind of floating-point
// number: who reads what was never written finds out.
c10::Allocator* device_allocator();

// The allocator of the host's pinned memory, from which a copy to the device need not block.
c10::Allocator* pinned_allocator();
bool is_pinned(const void* address);

// Whether an address is one of the device's.
bool is_device_address(const void* address);

// The allocation behind the storage of a device's tensor.
Allocation& allocation_of(const c10::StorageImpl& storage);

}  // namespace simulated_cuda
