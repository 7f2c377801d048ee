// A device's tensors as tensors of the CPU, and back.
#pragma once

#include <ATen/core/Tensor.h>

#include <unordered_map>
#include <vector>

namespace simulated_cuda {

// A tensor of the CPU over the same numbers as a device's tensor.
at::Tensor host_view(const at::Tensor& tensor);

// A new tensor of the device with the numbers and the strides of one of the CPU.
at::Tensor to_device(const at::Tensor& host, c10::Device device);

// Gives a device's tensor at least so many bytes, keeping the numbers that it has.
void grow_storage(const at::Tensor& tensor, size_t bytes);

// The tensors of one call of an operator on both sides.
class Call {
 public:
  explicit Call(c10::Device device) : device_(device) {}

  // What the CPU's kernel takes for a tensor that it only reads, or changes in place.
  at::Tensor give(const at::Tensor& tensor);

  // What it takes for one that it writes as its result: where that is empty, the kernel chooses the
  // shape, and the numbers are brought over by `finish`.
  at::Tensor give_result(const at::Tensor& tensor);

  // After the kernel: the device's tensors take on the shapes that the CPU's have now.
  void finish();

  // What the device's kernel would have given back for what the CPU's has.
  at::Tensor take(const at::Tensor& host);

 private:
  struct Pair {
    at::Tensor device, host;
    bool fresh;
  };

  c10::Device device_;
  std::vector<Pair> pairs_;
};

}  // namespace simulated_cuda
