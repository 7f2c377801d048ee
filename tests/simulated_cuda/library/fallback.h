// Every operator on the simulated device that has no kernel of its own here.
#pragma once

#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/stack.h>

namespace simulated_cuda {

// Computes an operator on the CPU, over the device's numbers, as strictly as CUDA takes it.
void fall_back(const c10::OperatorHandle& handle, torch::jit::Stack* stack);

}  // namespace simulated_cuda
