//! Which of libtorch's operators have a kernel for CUDA, from the list that its own code is made from.

use std::collections::{BTreeSet, HashMap};

/// What the list says of one operator.
#[derive(Debug, Default)]
struct Entry {
    /// The operator that has the kernels of this one, if it has none of its own.
    delegate: Option<String>,
    /// The keys that it has kernels for.
    keys: BTreeSet<String>,
    /// Whether it goes through the elements of tensors of the same shape: such a kernel takes a
    /// single number of the CPU as well.
    pointwise: bool,
}

/// The entries of `native_functions.yaml`, in its order.
fn parse(yaml: &str) -> Vec<(String, Entry)> {
    let mut entries: Vec<(String, Entry)> = Vec::new();
    let mut in_dispatch = false;
    for line in yaml.lines() {
        if let Some(declaration) = line.strip_prefix("- func: ") {
            let name = declaration.split('(').next().unwrap_or_default();
            entries.push((name.to_string(), Entry::default()));
        }
        let Some((_, entry)) = entries.last_mut() else { continue };
        in_dispatch &= line.starts_with("    ");
        if in_dispatch {
            let keys = line.split(['#', ':']).next().unwrap_or_default();
            entry.keys.extend(keys.split(',').map(|key| key.trim().to_string()));
        } else if let Some(delegate) = line.strip_prefix("  structured_delegate: ") {
            entry.delegate = Some(delegate.trim().to_string());
        } else if line.starts_with("  ufunc_inner_loop:") {
            // From which kernels for both are made.
            entry.keys.extend(["CPU", "CUDA"].map(String::from));
        } else {
            let tagged = line.starts_with("  tags:") && line.contains("pointwise");
            let iterates = (line.starts_with("  device_check:") && line.contains("TensorIterator"))
                || line.starts_with("  structured_inherits: TensorIterator");
            entry.pointwise |= tagged || iterates;
        }
        in_dispatch |= line.starts_with("  dispatch:");
    }
    entries
}

/// The operators with a kernel for CUDA, as lines of a C++ initialiser: the name, whether it takes
/// single numbers of the CPU, and whether there is a kernel besides that is composed of other
/// operators.
pub fn with_cuda_kernel(yaml: &str) -> String {
    let entries = parse(yaml);
    let by_name: HashMap<&str, &Entry> =
        entries.iter().map(|(name, entry)| (name.as_str(), entry)).collect();
    let mut lines = String::new();
    for (name, entry) in &entries {
        let delegate = entry.delegate.as_deref().and_then(|name| by_name.get(name).copied());
        let has = |entry: &Entry| entry.keys.contains("CUDA");
        if has(entry) || delegate.is_some_and(has) {
            let pointwise = entry.pointwise || delegate.is_some_and(|other| other.pointwise);
            let composed = entry.keys.contains("CompositeExplicitAutograd");
            lines += &format!("{{\"aten::{name}\", {pointwise}, {composed}}},\n");
        }
    }
    lines
}

#[test]
fn an_operator_is_listed_if_it_or_its_delegate_has_a_kernel_for_cuda() {
    let yaml = "\
# Comment
- func: both(Tensor self) -> Tensor
  dispatch:
    CPU, CUDA: both
  tags: [core, pointwise]

- func: host(Tensor self) -> Tensor
  dispatch:
    CPU: host_cpu
    SparseCUDA: host_sparse
  autogen: host.out

- func: kept(Tensor self) -> Tensor
  device_check: NoCheck   # TensorIterator
  structured_delegate: kept.out

- func: kept.out(Tensor self, *, Tensor(a!) out) -> Tensor(a!)
  structured: True
  dispatch:
    CPU: kept_cpu
    CUDA: kept_cuda

- func: listwise(Tensor[] self) -> ()
  dispatch:
    CompositeExplicitAutograd: listwise_slow
    CUDA: listwise_cuda

- func: loop.out(Tensor self, *, Tensor(a!) out) -> Tensor(a!)
  ufunc_inner_loop:
    Generic: loop (AllAndComplex)
";
    let expected = [
        "{\"aten::both\", true, false},",
        "{\"aten::kept\", true, false},",
        "{\"aten::kept.out\", false, false},",
        "{\"aten::listwise\", false, true},",
        "{\"aten::loop.out\", false, false},",
    ];
    assert_eq!(with_cuda_kernel(yaml).lines().collect::<Vec<_>>(), expected);
}
