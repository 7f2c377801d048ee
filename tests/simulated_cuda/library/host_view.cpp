// A device's tensors as tensors of the CPU, and back.
#include "host_view.h"

#include <ATen/EmptyTensor.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <c10/core/DeviceGuard.h>

#include <cstring>

#include "memory.h"

namespace simulated_cuda {
namespace {

at::Tensor tensor_over(const c10::Storage& storage, c10::DispatchKey key, const at::Tensor& like) {
  auto tensor = at::detail::make_tensor<c10::TensorImpl>(c10::Storage(storage), c10::DispatchKeySet(key),
                                                         like.dtype());
  auto* impl = tensor.unsafeGetTensorImpl();
  impl->set_storage_offset(like.storage_offset());
  impl->set_sizes_and_strides(like.sizes(), like.strides());
  return tensor;
}

size_t bytes_of(const at::Tensor& tensor) {
  return at::detail::computeStorageNbytes(tensor.sizes(), tensor.strides(), tensor.dtype().itemsize());
}

char* numbers_of(const at::Tensor& device) {
  const auto offset = static_cast<size_t>(device.storage_offset()) * device.dtype().itemsize();
  return allocation_of(*device.storage().unsafeGetStorageImpl()).real + offset;
}

// The same sizes and strides.
bool same_layout(const at::Tensor& a, const at::Tensor& b) {
  return a.sizes() == b.sizes() && a.strides() == b.strides() && a.storage_offset() == b.storage_offset();
}

void take_layout(const at::Tensor& device, const at::Tensor& host) {
  auto* impl = device.unsafeGetTensorImpl();
  impl->set_storage_offset(host.storage_offset());
  impl->set_sizes_and_strides(host.sizes(), host.strides());
}

}  // namespace

at::Tensor host_view(const at::Tensor& tensor) {
  TORCH_CHECK(tensor.layout() == c10::kStrided, "simulated CUDA: only dense tensors are simulated");
  const Allocation& allocation = allocation_of(*tensor.storage().unsafeGetStorageImpl());
  at::Tensor host = tensor_over(allocation.host, c10::DispatchKey::CPU, tensor);
  if (tensor.unsafeGetTensorImpl()->is_wrapped_number()) {
    host.unsafeGetTensorImpl()->set_wrapped_number(true);
  }
  return host;
}

at::Tensor to_device(const at::Tensor& host, c10::Device device) {
  const c10::DeviceGuard guard(device);
  at::Tensor tensor = at::detail::empty_strided_generic(host.sizes(), host.strides(), device_allocator(),
                                                        c10::DispatchKeySet(c10::DispatchKey::CUDA),
                                                        host.scalar_type());
  if (host.numel() > 0) std::memcpy(numbers_of(tensor), host.const_data_ptr(), bytes_of(host));
  return tensor;
}

void grow_storage(const at::Tensor& tensor, size_t bytes) {
  auto* storage = tensor.storage().unsafeGetStorageImpl();
  if (bytes <= storage->nbytes()) return;
  const c10::DeviceGuard guard(tensor.device());
  c10::DataPtr larger = device_allocator()->allocate(bytes);
  const auto& to = *static_cast<Allocation*>(larger.get_context());
  const Allocation& from = allocation_of(*storage);
  if (from.bytes > 0) std::memcpy(to.real, from.real, from.bytes);
  storage->set_data_ptr_noswap(std::move(larger));
  storage->set_nbytes(bytes);
}

at::Tensor Call::give(const at::Tensor& tensor) {
  pairs_.push_back({tensor, host_view(tensor), false});
  return pairs_.back().host;
}

at::Tensor Call::give_result(const at::Tensor& tensor) {
  if (tensor.numel() > 0) return give(tensor);
  at::Tensor fresh = at::detail::empty_cpu(tensor.sizes(), tensor.scalar_type());
  pairs_.push_back({tensor, fresh, true});
  return fresh;
}

void Call::finish() {
  for (const Pair& pair : pairs_) {
    if (!pair.fresh) {
      if (!same_layout(pair.device, pair.host)) take_layout(pair.device, pair.host);
      continue;
    }
    const auto offset = static_cast<size_t>(pair.device.storage_offset()) * pair.device.dtype().itemsize();
    grow_storage(pair.device, offset + bytes_of(pair.host));
    pair.device.unsafeGetTensorImpl()->set_sizes_and_strides(pair.host.sizes(), pair.host.strides());
    if (pair.host.numel() > 0) {
      std::memcpy(numbers_of(pair.device), pair.host.const_data_ptr(), bytes_of(pair.host));
    }
  }
}

at::Tensor Call::take(const at::Tensor& host) {
  if (!host.defined()) return host;
  for (const Pair& pair : pairs_) {
    if (pair.host.is_same(host)) return pair.device;
  }
  for (const Pair& pair : pairs_) {
    if (host.has_storage() && pair.host.storage().is_alias_of(host.storage())) {
      return tensor_over(pair.device.storage(), c10::DispatchKey::CUDA, host);
    }
  }
  return to_device(host, device_);
}

}  // namespace simulated_cuda
