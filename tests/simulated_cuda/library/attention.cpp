// The attention that CUDA has a kernel for under a name of its own, computed by that of the CPU.
#include <ATen/EmptyTensor.h>
#include <ATen/SDPBackend.h>
#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/native/transformers/attention.h>
#include <ATen/ops/_scaled_dot_product_flash_attention_for_cpu_backward_ops.h>
#include <ATen/ops/_scaled_dot_product_flash_attention_for_cpu_ops.h>
#include <torch/library.h>

#include "counters.h"
#include "host_view.h"

namespace simulated_cuda {
namespace {

using at::Tensor;
using MaybeTensor = std::optional<Tensor>;

// That kernel is for f32 and rows of 16 bytes; libtorch composes the attention of others.
int64_t choose(const Tensor& query, const Tensor&, const Tensor&, const MaybeTensor& mask, double dropout, bool,
               std::optional<double>, bool) {
  const bool fits = query.scalar_type() == at::kFloat && query.size(-1) % 4 == 0;
  const bool simulated = !mask.has_value() && dropout == 0.0;
  return static_cast<int64_t>(fits && simulated ? at::SDPBackend::efficient_attention : at::SDPBackend::math);
}

void check_devices(std::initializer_list<Tensor> tensors) {
  for (const Tensor& tensor : tensors) {
    TORCH_CHECK(tensor.device() == tensors.begin()->device(),
                "Expected all tensors to be on the same device (simulated CUDA: attention)");
  }
}

std::tuple<Tensor, Tensor, Tensor, Tensor> attend(const Tensor& query, const Tensor& key, const Tensor& value,
                                                  const MaybeTensor&, bool, double dropout, bool causal,
                                                  std::optional<double> scale) {
  check_devices({query, key, value});
  const at::AutoDispatchBelowADInplaceOrView below_autograd;
  const auto [output, log_sum] = at::_ops::_scaled_dot_product_flash_attention_for_cpu::call(
      host_view(query), host_view(key), host_view(value), dropout, causal, std::nullopt, scale);
  count(Event::Launch, "aten::_scaled_dot_product_efficient_attention");
  const auto here = [&](const Tensor& host) { return to_device(host, query.device()); };
  // Without dropout nothing is drawn.
  const Tensor seed = at::detail::empty_cpu({}, at::kLong);
  return {here(output), here(log_sum), here(seed), here(seed)};
}

std::tuple<Tensor, Tensor, Tensor, Tensor> attend_backward(
    const Tensor& gradient, const Tensor& query, const Tensor& key, const Tensor& value, const Tensor&,
    const Tensor& output, const Tensor& log_sum, const Tensor&, const Tensor&, double dropout, std::array<bool, 4>,
    bool causal, std::optional<double> scale) {
  check_devices({gradient, query, key, value, output, log_sum});
  const at::AutoDispatchBelowADInplaceOrView below_autograd;
  const auto [to_query, to_key, to_value] = at::_ops::_scaled_dot_product_flash_attention_for_cpu_backward::call(
      host_view(gradient), host_view(query), host_view(key), host_view(value), host_view(output),
      host_view(log_sum), dropout, causal, std::nullopt, scale);
  count(Event::Launch, "aten::_scaled_dot_product_efficient_attention_backward");
  const auto here = [&](const Tensor& host) { return to_device(host, query.device()); };
  return {here(to_query), here(to_key), here(to_value), Tensor()};
}

const bool chosen = [] {
  at::native::_fused_sdp_choice_stub.set_cuda_dispatch_ptr(choose);
  return true;
}();

}  // namespace
}  // namespace simulated_cuda

TORCH_LIBRARY_IMPL(aten, CUDA, library) {
  library.impl("_scaled_dot_product_efficient_attention", simulated_cuda::attend);
  library.impl("_scaled_dot_product_efficient_attention_backward", simulated_cuda::attend_backward);
}
