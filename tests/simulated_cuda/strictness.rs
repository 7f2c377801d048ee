//! Tests of the test: a deliberate fault of each kind is caught, and what CUDA allows is allowed.
//!
//! A fault is made in a process of its own, which is this test program again, under the library.

use std::io::Write;
use std::process::Command;

use tch::{Cuda, Device, Kind, Tensor};

use crate::bench::{finish, quietly, simulate};
use crate::common::{Bench, Outcome};
use crate::{library, operators_agree};

const CASE: &str = "SIMULATED_CUDA_CASE";
const GPU: Device = Device::Cuda(0);

/// Numbers on the device.
fn numbers(n: i64) -> Tensor {
    Tensor::arange(n, (Kind::Float, Device::Cpu)).to_device(GPU)
}

/// Does something on the simulated device, and gives back how it ended and what was counted; none
/// where it is skipped.
fn in_a_process(case: &str) -> Option<(Outcome, serde_json::Value)> {
    if !library::fits() {
        return None;
    }
    let bench = Bench::new();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "strictness::the_process_of_a_case", "--nocapture"]);
    quietly(&mut command);
    simulate(&mut command);
    command.env(CASE, case).env("SIMULATED_CUDA_DEVICES", "2");
    command.env("SIMULATED_CUDA_COUNTS", bench.path("counts.json"));
    let outcome = finish(command);
    let counted = bench.path("counts.json").exists();
    Some((outcome, if counted { bench.json("counts.json") } else { serde_json::Value::Null }))
}

/// Does nothing but in the process that a test has started for a case.
#[test]
fn the_process_of_a_case() {
    let Ok(case) = std::env::var(CASE) else { return };
    assert!(Cuda::is_available() && Cuda::device_count() == 2);
    match case.as_str() {
        "mixed devices" => mixed_devices(),
        "no kernel" => {
            refused(numbers(4).f_histogram_bin_ct(3, [0.0, 4.0], None::<Tensor>, false).err())
        }
        "host pointer" => touch_device_memory(),
        "reads" => reads(),
        "allowed" => allowed(),
        "uploads" => uploads(),
        "new memory" => new_memory(),
        "random numbers" => random_numbers(),
        "operators" => operators_agree::compare(GPU),
        _ => panic!("no such case: {case}"),
    }
}

/// Says what an error said, whose first line is its own.
fn refused(error: Option<tch::TchError>) {
    let error = error.expect("an operator that is refused").to_string();
    let _ = writeln!(std::io::stderr(), "refused: {}", error.lines().next().unwrap_or_default());
}

fn mixed_devices() {
    let (device, host) = (numbers(3), Tensor::ones([3], (Kind::Float, Device::Cpu)));
    let other = host.to_device(Device::Cuda(1));
    refused(device.f_add(&host).err());
    refused(device.f_add(&other).err());
    refused(device.view([1, 3]).f_matmul(&host.view([3, 1])).err());
    refused(Tensor::f_cat(&[&device, &host], 0).err());
    refused(device.f_gather(0, &Tensor::from_slice(&[1i64]), false).err());
    refused(Tensor::f_stack(&[&device.sum(Kind::Float), &host.sum(Kind::Float)], 0).err());
    // One single number of the host is allowed, two are not.
    let number = Tensor::from(2f32);
    refused(device.f_addcmul(&number, &number).err());
}

fn touch_device_memory() {
    let tensor = numbers(4);
    // SAFETY: none; that the access is caught is what is tested.
    let number = unsafe { tensor.data_ptr().cast::<f32>().read_volatile() };
    panic!("the host has read {number} in device memory");
}

fn reads() {
    let tensor = numbers(4);
    assert_eq!(tensor.sum(Kind::Float).double_value(&[]), 6.0);
    assert_eq!(Vec::<f32>::try_from(&tensor).unwrap(), [0.0, 1.0, 2.0, 3.0]);
    assert_eq!(tensor.nonzero().size(), [3, 1]);
    assert_eq!(tensor.masked_select(&tensor.gt(1.5)).size(), [2]);
    assert!(tensor.equal(&tensor));
}

fn allowed() {
    let tensor = numbers(4);
    let number = Tensor::from(2f32);
    assert_eq!(f64::try_from((&tensor * 0.5 + &number).sum(Kind::Float)).unwrap(), 11.0);
    assert_eq!(f64::try_from(number.f_mul(&tensor).unwrap().sum(Kind::Float)).unwrap(), 12.0);
    // Indices of the host, which are copied.
    let indices = Tensor::from_slice(&[3i64, 1]);
    assert_eq!(f64::try_from(tensor.index(&[Some(&indices)]).sum(Kind::Float)).unwrap(), 4.0);
    // A view shares the memory, and what is written in place is seen through both.
    let _ = tensor.view([2, 2]).transpose(0, 1).get(0).fill_(7.0);
    assert_eq!(Vec::<f32>::try_from(&tensor).unwrap(), [7.0, 1.0, 7.0, 3.0]);
    // The gradient is computed on a thread of the device.
    let x = numbers(3).set_requires_grad(true);
    (&x * &x).sum(Kind::Float).backward();
    assert_eq!(Vec::<f32>::try_from(x.grad()).unwrap(), [0.0, 2.0, 4.0]);
}

fn uploads() {
    let host = Tensor::ones([8], (Kind::Float, Device::Cpu));
    let pinned = host.pin_memory(GPU);
    assert!(pinned.is_pinned(GPU) && !host.is_pinned(GPU));
    let _blocking = [host.to_device(GPU), pinned.to_device(GPU)];
    let _pageable = host.to_device_(GPU, Kind::Float, true, false);
    let _free = pinned.to_device_(GPU, Kind::Float, true, false);
}

fn new_memory() {
    for kind in [Kind::Float, Kind::Double, Kind::Half] {
        let new = Tensor::empty([100], (kind, GPU));
        assert_eq!(f64::try_from(new.isnan().sum(Kind::Int64)).unwrap(), 100.0, "{kind:?}");
    }
}

fn random_numbers() {
    let draw = |device| Vec::<f32>::try_from(Tensor::randn([5], (Kind::Float, device))).unwrap();
    tch::manual_seed(3);
    let (device, host) = (draw(GPU), draw(Device::Cpu));
    tch::manual_seed(3);
    assert_eq!(host, draw(Device::Cpu), "the device's numbers are its own generator's");
    assert_eq!(device, draw(GPU));
    assert_ne!(device, host);
}

#[test]
fn tensors_of_different_devices_are_caught() {
    let Some((outcome, _)) = in_a_process("mixed devices") else { return };
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");
    let said: Vec<&str> =
        outcome.stderr.lines().filter(|line| line.starts_with("refused: ")).collect();
    assert_eq!(said.len(), 7, "{outcome:#?}");
    for line in said {
        let mixed = line.contains("same device") || line.contains("too many CPU scalars");
        assert!(mixed, "{line}");
    }
}

#[test]
fn an_operator_without_a_kernel_is_caught() {
    let Some((outcome, _)) = in_a_process("no kernel") else { return };
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");
    assert!(outcome.stderr.contains("has no kernel for CUDA"), "{outcome:#?}");
}

#[test]
fn a_host_pointer_to_device_memory_is_caught() {
    let Some((outcome, _)) = in_a_process("host pointer") else { return };
    assert_eq!(outcome.code, Some(70), "{outcome:#?}");
    assert!(outcome.stderr.contains("the host touched device memory"), "{outcome:#?}");
}

#[test]
fn every_read_is_counted() {
    let Some((outcome, counts)) = in_a_process("reads") else { return };
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");
    assert_eq!(counts["reads"], 5, "{counts}");
}

#[test]
fn what_cuda_allows_is_allowed() {
    let Some((outcome, _)) = in_a_process("allowed") else { return };
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");
}

#[test]
fn an_upload_blocks_unless_it_is_from_pinned_memory() {
    let Some((outcome, counts)) = in_a_process("uploads") else { return };
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");
    assert_eq!((&counts["uploads"], &counts["blocking_uploads"]), (&4.into(), &3.into()));
}

#[test]
fn new_memory_is_no_number() {
    let Some((outcome, _)) = in_a_process("new memory") else { return };
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");
}

#[test]
fn the_device_has_random_numbers_of_its_own() {
    let Some((outcome, _)) = in_a_process("random numbers") else { return };
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");
}

#[test]
fn operators_give_what_they_do_on_the_cpu() {
    let Some((outcome, _)) = in_a_process("operators") else { return };
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");
}
