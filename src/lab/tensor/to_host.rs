//! Every read of a tensor's numbers by the host, counted.
//!
//! A read waits for the device: one in a training step costs more than the step itself on CUDA.
//! All library code reads through here, so that a test can assert that a step between two logging
//! steps makes none.

use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result};
use tch::{Device, Kind, Tensor};

use super::host_memory;

static READS: AtomicU64 = AtomicU64::new(0);

/// How many reads this process has made so far.
pub fn count() -> u64 {
    READS.load(Ordering::Relaxed)
}

/// The elements of `tensor` in row-major order, as f64, whatever its kind and shape.
///
/// # Errors
/// Where libtorch can't copy it to the host.
pub fn values(tensor: &Tensor) -> Result<Vec<f64>> {
    READS.fetch_add(1, Ordering::Relaxed);
    let flat = tensor.detach().f_to_kind(Kind::Double)?.f_reshape([-1])?;
    Vec::<f64>::try_from(&flat).context("reading a tensor from the device")
}

/// As [`values`], as f32: for histograms and figures of f32 tensors.
///
/// # Errors
/// Where libtorch can't copy it to the host.
pub fn values_f32(tensor: &Tensor) -> Result<Vec<f32>> {
    READS.fetch_add(1, Ordering::Relaxed);
    let flat = tensor.detach().f_to_kind(Kind::Float)?.f_reshape([-1])?;
    Vec::<f32>::try_from(&flat).context("reading a tensor from the device")
}

/// The bytes of `tensor` in row-major order, whatever its kind: for checkpoints.
///
/// # Errors
/// Where libtorch can't copy it to the host.
pub fn bytes(tensor: &Tensor) -> Result<Vec<u8>> {
    READS.fetch_add(1, Ordering::Relaxed);
    let host = tensor.detach().f_to_device(Device::Cpu)?.f_resolve_neg()?.f_contiguous()?;
    // SAFETY: the slice is copied at once, on the thread that has the tensor.
    Ok(unsafe { host_memory::as_bytes(&host) }?.to_vec())
}

/// The single number of `tensor`: `[]`.
///
/// # Errors
/// Where it has more or fewer numbers than one, or libtorch can't copy it to the host.
pub fn scalar(tensor: &Tensor) -> Result<f64> {
    READS.fetch_add(1, Ordering::Relaxed);
    tensor.f_double_value(&[]).context("reading a number from the device")
}

/// The single truth value of `tensor`: `[]`.
///
/// # Errors
/// As [`scalar`].
pub fn flag(tensor: &Tensor) -> Result<bool> {
    Ok(scalar(tensor)? != 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_any_kind_and_counts() {
        let before = count();
        let matrix = Tensor::from_slice(&[1i64, 2, 3, 4]).view([2, 2]).transpose(0, 1);
        assert_eq!(values(&matrix).unwrap(), [1.0, 3.0, 2.0, 4.0]);
        assert!(flag(&Tensor::from_slice(&[true]).squeeze()).unwrap());
        assert_eq!(values_f32(&Tensor::from_slice(&[0.5f64])).unwrap(), [0.5]);
        assert_eq!(bytes(&matrix.to_kind(Kind::Uint8)).unwrap(), [1, 3, 2, 4]);
        assert_eq!(count(), before + 4);
    }
}
