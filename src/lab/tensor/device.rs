//! Where a run computes: the device, its numeric mode and its threads.

use anyhow::{Result, bail};
use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use tch::{Cuda, Device};

use crate::lab::error::refuse;

/// TensorFloat-32 in CUDA matrix products: `on` is faster, with 10 bits of mantissa.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tf32 {
    /// Allow it in matrix products and convolutions.
    On,
    /// Full float32 everywhere.
    Off,
}

/// The device that `--device` names: `auto` (the first CUDA device, else the CPU), `cpu`, `cuda`
/// or `cuda:N`.
///
/// # Errors
/// Exit code 2 for a name that is none of these; 1 where there is no such device.
pub fn parse(name: &str) -> Result<Device> {
    let available = if Cuda::is_available() { Cuda::device_count() } else { 0 };
    let index = match name {
        "auto" if available == 0 => return Ok(Device::Cpu),
        "auto" | "cuda" => 0,
        "cpu" => return Ok(Device::Cpu),
        _ => match name.strip_prefix("cuda:").map(str::parse::<usize>) {
            Some(Ok(index)) => index,
            _ => {
                let message = format!("--device {name}: expected auto, cpu, cuda or cuda:N");
                return Err(refuse(message));
            }
        },
    };
    if available == 0 {
        bail!(
            "--device {name}: libtorch sees no CUDA device here; use --device cpu, or run \
             `scripts/setup --cuda` on a machine with an NVIDIA GPU"
        );
    }
    if index as i64 >= available {
        bail!(
            "--device {name}: this machine has {available} CUDA device(s), cuda:0 to cuda:{}",
            available - 1
        );
    }
    Ok(Device::Cuda(index))
}

/// The name of a device as `--device` takes it.
pub fn name(device: Device) -> String {
    match device {
        Device::Cuda(index) => format!("cuda:{index}"),
        _ => "cpu".into(),
    }
}

/// Sets what libtorch reads from the environment when it first touches CUDA, and its threads.
/// libtorch's flags for TF32 are not in its Rust bindings; these variables are their documented
/// overrides.
///
/// # Safety
/// Changes environment variables: must run before any other thread exists.
pub unsafe fn configure(tf32: Tf32, threads: i32) {
    // SAFETY: the caller vouches that no other thread reads the environment now.
    unsafe {
        match tf32 {
            Tf32::On => {
                std::env::remove_var("NVIDIA_TF32_OVERRIDE");
                std::env::set_var("TORCH_ALLOW_TF32_CUBLAS_OVERRIDE", "1");
            }
            Tf32::Off => std::env::set_var("NVIDIA_TF32_OVERRIDE", "0"),
        }
    }
    tch::set_num_threads(threads);
}

/// Waits until the device has done all that it was given; nothing to wait for on the CPU.
pub fn synchronize(device: Device) {
    if let Device::Cuda(index) = device {
        Cuda::synchronize(index as i64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::error::exit_status;

    #[test]
    fn names() {
        assert_eq!(parse("cpu").unwrap(), Device::Cpu);
        assert_eq!(exit_status(&parse("gpu").unwrap_err()), 2);
        assert_eq!(exit_status(&parse("cuda:x").unwrap_err()), 2);
        if !Cuda::is_available() {
            assert_eq!(parse("auto").unwrap(), Device::Cpu);
            let error = parse("cuda:0").unwrap_err();
            assert_eq!(exit_status(&error), 1);
            assert!(error.to_string().contains("no CUDA device"));
        }
    }
}
