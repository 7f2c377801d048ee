// The random numbers of the simulated device.
#pragma once

#include <ATen/core/Generator.h>

namespace simulated_cuda {

// The generator that an operator on a device uses where it is given none.
const at::Generator& default_generator(c10::DeviceIndex index);

// The generator of the CPU that makes a device generator's numbers.
at::Generator host_generator(const at::Generator& generator);

}  // namespace simulated_cuda
