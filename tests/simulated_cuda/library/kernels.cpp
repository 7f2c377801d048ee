// The operators that make, shape and copy the device's memory, which no other kernel can stand in for.
#include <ATen/EmptyTensor.h>
#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/native/Resize.h>
#include <ATen/ops/_local_scalar_dense_ops.h>
#include <ATen/ops/copy_ops.h>
#include <ATen/ops/set_native.h>
#include <c10/core/DeviceGuard.h>
#include <torch/library.h>

#include "counters.h"
#include "host_view.h"
#include "memory.h"

namespace simulated_cuda {
namespace {

using Size = at::IntArrayRef;
template <typename T>
using Maybe = std::optional<T>;

// Where a factory puts its tensor: the device that it is given, or the current one.
Maybe<c10::Device> place(Maybe<c10::Device> device) {
  return device && device->has_index() ? device : std::nullopt;
}

at::Tensor empty(Size size, Maybe<at::ScalarType> kind, Maybe<at::Layout> layout, Maybe<c10::Device> device,
                 Maybe<bool> pinned, Maybe<at::MemoryFormat> format) {
  TORCH_CHECK(c10::layout_or_default(layout) == c10::kStrided, "simulated CUDA: only dense tensors");
  TORCH_CHECK(!pinned.value_or(false), "Only dense CPU tensors can be pinned");
  const c10::OptionalDeviceGuard guard(place(device));
  return at::detail::empty_generic(size, device_allocator(), c10::DispatchKeySet(c10::DispatchKey::CUDA),
                                   c10::dtype_or_default(kind), format);
}

at::Tensor empty_strided(Size size, Size stride, Maybe<at::ScalarType> kind, Maybe<at::Layout>,
                         Maybe<c10::Device> device, Maybe<bool> pinned) {
  TORCH_CHECK(!pinned.value_or(false), "Only dense CPU tensors can be pinned");
  const c10::OptionalDeviceGuard guard(place(device));
  return at::detail::empty_strided_generic(size, stride, device_allocator(),
                                           c10::DispatchKeySet(c10::DispatchKey::CUDA),
                                           c10::dtype_or_default(kind));
}

const at::Tensor& resize_(const at::Tensor& self, Size size, Maybe<at::MemoryFormat> format) {
  TORCH_CHECK(!format, "simulated CUDA: resize_ to a memory format is not simulated");
  if (self.sizes() == size) return self;
  self.unsafeGetTensorImpl()->set_sizes_contiguous(size);
  grow_storage(self, at::detail::computeStorageNbytesContiguous(size, self.dtype().itemsize(),
                                                                static_cast<size_t>(self.storage_offset())));
  return self;
}

at::Tensor& set_to_part(at::Tensor& self, at::Storage source, int64_t offset, Size size, Size stride) {
  at::native::checkSetStorage(self, std::move(source), offset, size, stride);
  auto* impl = self.unsafeGetTensorImpl();
  impl->set_storage_offset(offset);
  if (stride.data() == nullptr) {
    impl->set_sizes_contiguous(size);
  } else {
    impl->set_sizes_and_strides(size, stride);
  }
  return self;
}

at::Tensor& set_to_nothing(at::Tensor& self) {
  const c10::DeviceGuard guard(self.device());
  at::Storage nothing(at::Storage::use_byte_size_t(), 0, device_allocator(), /*resizable=*/true);
  return set_to_part(self, std::move(nothing), 0, {0}, {});
}

// Whether a copy between host and device goes through a kernel: bytes alone are copied by the driver.
bool needs_kernel(const at::Tensor& a, const at::Tensor& b) {
  return a.dtype() != b.dtype() || a.sizes() != b.sizes() || a.strides() != b.strides() ||
         !a.is_non_overlapping_and_dense();
}

void count_copy(const at::Tensor& self, const at::Tensor& source, bool non_blocking) {
  static const std::string name = "aten::copy_";
  if (self.is_cuda() && source.is_cuda()) return count(Event::Launch, name);
  if (needs_kernel(self, source)) count(Event::Launch, name);
  if (source.is_cuda()) return count(Event::Read, name);
  count(Event::Upload, name);
  if (!non_blocking || !is_pinned(source.const_data_ptr())) count(Event::BlockingUpload, name);
}

at::Tensor& copy_(at::Tensor& self, const at::Tensor& source, bool non_blocking) {
  const at::AutoDispatchBelowADInplaceOrView below_autograd;
  if (self.numel() > 0) count_copy(self, source, non_blocking);
  at::Tensor to = self.is_cuda() ? host_view(self) : self;
  at::_ops::copy_::call(to, source.is_cuda() ? host_view(source) : source, false);
  return self;
}

at::Scalar local_scalar_dense(const at::Tensor& self) {
  const at::AutoDispatchBelowADInplaceOrView below_autograd;
  count(Event::Read, "aten::_local_scalar_dense");
  return at::_ops::_local_scalar_dense::call(host_view(self));
}

}  // namespace
}  // namespace simulated_cuda

TORCH_LIBRARY_IMPL(aten, CUDA, library) {
  library.impl("empty.memory_format", simulated_cuda::empty);
  library.impl("empty_strided", simulated_cuda::empty_strided);
  library.impl("resize_", simulated_cuda::resize_);
  library.impl("set_.source_Storage_storage_offset", simulated_cuda::set_to_part);
  library.impl("set_.source_Storage", TORCH_FN(at::native::set_));
  library.impl("set_.source_Tensor", TORCH_FN(at::native::set_tensor_));
  library.impl("set_", simulated_cuda::set_to_nothing);
  library.impl("copy_", simulated_cuda::copy_);
  library.impl("_local_scalar_dense", simulated_cuda::local_scalar_dense);
}
