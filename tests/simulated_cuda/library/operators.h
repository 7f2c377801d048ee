// What is known of an operator besides its schema.
#pragma once

#include <ATen/core/dispatch/Dispatcher.h>

#include <string>
#include <vector>

namespace simulated_cuda {

struct Operator {
  std::string name;
  // Whether libtorch has a kernel of it for CUDA.
  bool on_cuda = false;
  // Whether that kernel takes single numbers of the CPU beside tensors of the device.
  bool takes_host_scalars = false;
  // Whether it copies such a number to the device, instead of passing it to the kernel.
  bool uploads_host_scalars = false;
  // Whether it takes indices that lie on the CPU.
  bool takes_host_indices = false;
  // Whether its kernel waits for the device, mostly since the result's shape depends on numbers.
  bool reads = false;
  // Whether it only looks at memory in another way, and launches nothing.
  bool is_view = false;
};

// Worked out once for each operator.
const Operator& describe(const c10::OperatorHandle& handle);

// The operators that have both a kernel for CUDA and one that is composed of other operators. libtorch
// would take the latter here.
std::vector<std::string> composed_operators();

}  // namespace simulated_cuda
