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

/// What `--device` takes for whichever device is the faster one.
pub const AUTO: &str = "auto";

/// The device that `--device` names: [`AUTO`] (the first CUDA device, else the CPU), `cpu`, `cuda`
/// or `cuda:N`.
///
/// # Errors
/// Exit code 2 for a name that is none of these; 1 where there is no such device.
pub fn parse(name: &str) -> Result<Device> {
    let available = if Cuda::is_available() { Cuda::device_count() } else { 0 };
    let index = match name {
        AUTO if available == 0 => return Ok(Device::Cpu),
        AUTO | "cuda" => 0,
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

/// Of NVIDIA's libraries: 0 keeps all of them from TF32.
const OVERRIDE: &str = "NVIDIA_TF32_OVERRIDE";
/// Of libtorch: 1 allows TF32 in matrix products.
const ALLOW: &str = "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE";

/// Sets the environment variables by which libtorch and NVIDIA's libraries, when CUDA is first
/// touched, decide on TF32. libtorch's own flags for it are not in its Rust bindings; these
/// variables are their documented overrides.
///
/// # Safety
/// No other thread may exist: one that reads the environment meanwhile, in C as well, would read
/// memory that is being changed.
pub unsafe fn set_tf32(tf32: Tf32) {
    // SAFETY: the caller vouches that this is the only thread.
    unsafe {
        match tf32 {
            Tf32::On => {
                std::env::remove_var(OVERRIDE);
                std::env::set_var(ALLOW, "1");
            }
            Tf32::Off => std::env::set_var(OVERRIDE, "0"),
        }
    }
}

/// Refuses TF32 on a CUDA device where the environment doesn't allow it, as in a process whose
/// environment nobody has set by [`set_tf32`]: it would be slower than asked for without a word.
///
/// # Errors
/// Exit code 2, with the variables to set.
pub fn check_tf32(tf32: Tf32, device: Device) -> Result<()> {
    let is = |name: &str, value: &str| std::env::var(name).is_ok_and(|found| found == value);
    if tf32 == Tf32::On && device != Device::Cpu && (is(OVERRIDE, "0") || !is(ALLOW, "1")) {
        return Err(refuse(format!(
            "--tf32 on: this process does not allow it: set {ALLOW}=1 and unset {OVERRIDE} before \
             it starts"
        )));
    }
    Ok(())
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
