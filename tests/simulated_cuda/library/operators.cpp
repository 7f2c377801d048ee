// What is known of an operator besides its schema: from the list of libtorch's operators that is made
// when this library is built, and by hand where that says nothing.
#include "operators.h"

#include <mutex>
#include <unordered_map>
#include <unordered_set>

namespace simulated_cuda {
namespace {

struct Listed {
  const char* name;
  bool takes_host_scalars, composed;
};

// All operators with a kernel for CUDA.
constexpr Listed LISTED[] = {
#include "operators.inc"
};

using Names = std::unordered_set<std::string>;

// Their kernels take a 0-dimensional tensor of the CPU as a number, though they are no pointwise
// operators by the list.
const Names SCALARS = {
    "aten::fill_.Tensor",
    "aten::index_fill_.int_Tensor",
    "aten::masked_fill_.Tensor",
};

// These copy it.
const Names UPLOADED_SCALARS = {
    "aten::where.self",
    "aten::where.self_out",
    "aten::_index_put_impl_",
};

const Names INDICES = {
    "aten::index.Tensor", "aten::index.Tensor_out", "aten::_index_put_impl_",
};

// Whose kernels wait: for the number of elements of the result, for the answer itself, or since the
// routine that they call does.
const Names READS = {
    "aten::nonzero",        "aten::nonzero.out",
    "aten::masked_select",  "aten::masked_select.out",
    "aten::_unique",        "aten::_unique2",
    "aten::unique_dim",     "aten::unique_consecutive",
    "aten::unique_dim_consecutive",
    "aten::bincount",       "aten::histc",
    "aten::repeat_interleave.Tensor",
    "aten::equal",          "aten::linalg_eig",
    "aten::linalg_eig.out", "aten::_linalg_svd.U",
};

bool has_view(const c10::FunctionSchema& schema) {
  for (const auto& result : schema.returns()) {
    if (result.alias_info() != nullptr && !result.alias_info()->isWrite()) return true;
  }
  return false;
}

Operator work_out(const c10::OperatorHandle& handle) {
  static const auto* listed = [] {
    auto* map = new std::unordered_map<std::string, const Listed*>;
    for (const Listed& entry : LISTED) map->emplace(entry.name, &entry);
    return map;
  }();
  Operator op;
  op.name = c10::toString(handle.operator_name());
  const auto found = listed->find(op.name);
  op.on_cuda = found != listed->end();
  op.takes_host_scalars = (op.on_cuda && found->second->takes_host_scalars) || SCALARS.count(op.name) > 0;
  op.uploads_host_scalars = UPLOADED_SCALARS.count(op.name) > 0;
  op.takes_host_indices = INDICES.count(op.name) > 0;
  op.reads = READS.count(op.name) > 0;
  op.is_view = has_view(handle.schema());
  return op;
}

}  // namespace

const Operator& describe(const c10::OperatorHandle& handle) {
  static std::mutex mutex;
  static auto* known = new std::unordered_map<c10::OperatorName, Operator>;
  std::lock_guard<std::mutex> lock(mutex);
  const auto found = known->find(handle.operator_name());
  if (found != known->end()) return found->second;
  return known->emplace(handle.operator_name(), work_out(handle)).first->second;
}

std::vector<std::string> composed_operators() {
  std::vector<std::string> names;
  for (const Listed& entry : LISTED) {
    if (entry.composed) names.emplace_back(entry.name);
  }
  return names;
}

}  // namespace simulated_cuda
