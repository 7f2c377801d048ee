// Every operator on the simulated device that has no kernel of its own here: it is computed by the
// CPU's kernel over the same numbers, after the checks that CUDA's would make.
#include "fallback.h"

#include <ATen/core/LegacyTypeDispatch.h>
#include <c10/core/DeviceGuard.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <torch/library.h>

#include <optional>

#include "counters.h"
#include "device.h"
#include "host_view.h"
#include "operators.h"

namespace simulated_cuda {
namespace {

using c10::IValue;
using torch::jit::Stack;

// Applies a function to every tensor of an argument, in lists too. It may be undefined.
template <typename Function>
void for_each_tensor(const IValue& value, const Function& function) {
  if (value.isTensor()) {
    function(value.toTensor());
  } else if (value.isTensorList()) {
    for (const at::Tensor& tensor : value.toTensorVector()) function(tensor);
  } else if (value.isOptionalTensorList()) {
    for (const auto& tensor : value.toOptionalTensorVector()) {
      if (tensor.has_value()) function(*tensor);
    }
  }
}

// An argument with every tensor replaced.
template <typename Function>
IValue map_tensors(const IValue& value, const Function& function) {
  if (value.isTensor()) return function(value.toTensor());
  if (value.isTensorList()) {
    c10::List<at::Tensor> list;
    for (const at::Tensor& tensor : value.toTensorVector()) list.push_back(function(tensor));
    return list;
  }
  if (value.isOptionalTensorList()) {
    c10::List<std::optional<at::Tensor>> list;
    for (const auto& tensor : value.toOptionalTensorVector()) {
      list.push_back(tensor.has_value() ? std::optional<at::Tensor>(function(*tensor)) : std::nullopt);
    }
    return list;
  }
  return value;
}

// The device that a call is for: that of its tensors, else the one that it names, else the current one.
c10::Device device_of_call(at::ArrayRef<IValue> arguments) {
  std::optional<c10::Device> named, found;
  for (const IValue& value : arguments) {
    if (value.isDevice() && value.toDevice().is_cuda()) named = value.toDevice();
    for_each_tensor(value, [&](const at::Tensor& tensor) {
      if (!found && tensor.defined() && tensor.is_cuda()) found = tensor.device();
    });
  }
  const auto* guard = c10::impl::getDeviceGuardImpl(c10::DeviceType::CUDA);
  if (found) return *found;
  return named && named->has_index() ? *named : guard->getDevice();
}

// Refuses what CUDA would: tensors of different devices, but for the exceptions that it makes, and
// counts what those cost.
class DeviceCheck {
 public:
  DeviceCheck(const Operator& op, c10::Device device) : op_(op), device_(device) {}

  void argument(const c10::Argument& argument, const IValue& value) {
    const bool written = argument.alias_info() != nullptr && argument.alias_info()->isWrite();
    const bool indices = op_.takes_host_indices && argument.name() == "indices";
    for_each_tensor(value, [&](const at::Tensor& tensor) {
      if (!tensor.defined()) return;
      if (indices) return index(tensor);
      if (tensor.device() == device_) return;
      const bool scalar = tensor.is_cpu() && tensor.dim() == 0 && !written;
      if (scalar && op_.uploads_host_scalars) return upload();
      // An iterator takes one number of the host as an argument of its kernel, and no more.
      const bool taken = scalar && op_.takes_host_scalars && ++scalars_ <= MOST_SCALARS;
      if (!taken) refuse(argument.name(), tensor.device());
    });
  }

 private:
  static constexpr int MOST_SCALARS = 1;

  void index(const at::Tensor& tensor) const {
    if (!tensor.is_cpu() && tensor.device() != device_) refuse("indices", tensor.device());
    // The shape function of `index` has made both by now, by operators that counted themselves.
    if (op_.name != "aten::_index_put_impl_") return;
    const bool mask = tensor.scalar_type() == at::kBool || tensor.scalar_type() == at::kByte;
    if (mask && !tensor.is_cpu()) count(Event::Read, op_.name);
    if (tensor.is_cpu()) upload();
  }

  void upload() const {
    count(Event::Upload, op_.name);
    count(Event::BlockingUpload, op_.name);
  }

  [[noreturn]] void refuse(const std::string& argument, c10::Device other) const {
    TORCH_CHECK(false, "Expected all tensors to be on the same device, but got ", argument, " is on ", other,
                ", different from other tensors on ", device_, " (when checking argument in method ", op_.name,
                ", simulated CUDA)");
  }

  const Operator& op_;
  c10::Device device_;
  int scalars_ = 0;
};

// Arguments for the CPU's kernel in place of those for the device's.
void to_host(const c10::OperatorHandle& handle, Stack* stack, Call& call, c10::Device device) {
  const auto& arguments = handle.schema().arguments();
  const size_t begin = stack->size() - arguments.size();
  for (size_t i = 0; i < arguments.size(); ++i) {
    IValue& value = (*stack)[begin + i];
    const c10::Argument& argument = arguments[i];
    const bool result = argument.is_out() || (argument.kwarg_only() && argument.alias_info() != nullptr);
    if (value.isDevice() && value.toDevice().is_cuda()) {
      value = c10::Device(c10::kCPU);
    } else if (value.isGenerator() && value.toGenerator().device().is_cuda()) {
      value = host_generator(value.toGenerator());
    } else if (value.isNone() && argument.name() == "generator") {
      value = host_generator(default_generator(device.index()));
    } else {
      value = map_tensors(value, [&](const at::Tensor& tensor) {
        if (!tensor.defined() || !tensor.is_cuda()) return tensor;
        return result ? call.give_result(tensor) : call.give(tensor);
      });
    }
  }
}

}  // namespace

void fall_back(const c10::OperatorHandle& handle, Stack* stack) {
  const Operator& op = describe(handle);
  TORCH_CHECK_NOT_IMPLEMENTED(op.on_cuda, "Could not run '", op.name,
                              "' with arguments from the 'CUDA' backend: it has no kernel for CUDA "
                              "(simulated CUDA)");
  const auto& schema = handle.schema();
  const auto arguments = torch::jit::last(*stack, schema.arguments().size());
  const c10::Device device = device_of_call(arguments);
  DeviceCheck check(op, device);
  for (size_t i = 0; i < arguments.size(); ++i) check.argument(schema.arguments()[i], arguments[i]);

  const at::AutoDispatchBelowADInplaceOrView below_autograd;
  const c10::DeviceGuard guard(device);
  Call call(device);
  to_host(handle, stack, call, device);
  handle.callBoxed(stack);
  call.finish();

  const size_t begin = stack->size() - schema.returns().size();
  for (size_t i = begin; i < stack->size(); ++i) {
    (*stack)[i] = map_tensors((*stack)[i], [&](const at::Tensor& host) { return call.take(host); });
  }
  if (!op.is_view) count(Event::Launch, op.name);
  if (op.reads) count(Event::Read, op.name);
}

}  // namespace simulated_cuda

TORCH_LIBRARY_IMPL(_, CUDA, library) {
  library.fallback(torch::CppFunction::makeFromBoxedFunction<&simulated_cuda::fall_back>());
}

// CUDA's own kernels of these come before the composed ones, and so does this.
TORCH_LIBRARY_IMPL(aten, CUDA, library) {
  for (const std::string& name : simulated_cuda::composed_operators()) {
    library.impl(name.c_str(), torch::CppFunction::makeFromBoxedFunction<&simulated_cuda::fall_back>());
  }
}
