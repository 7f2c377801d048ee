//! Which GPU it is that libtorch calls `cuda:<index>`.
//!
//! CUDA numbers the devices that `CUDA_VISIBLE_DEVICES` leaves, by their index, identity or the
//! beginning of one, in an order that `CUDA_DEVICE_ORDER` chooses. NVML obeys neither. CUDA's driver
//! says which one it is in the end.

use std::ffi::{c_int, c_uint};
use std::mem::forget;

use libloading::{Library, Symbol};

/// The identity of a device as NVML and `nvidia-smi -L` write it: `GPU-` and 32 digits in five groups.
/// None where there is no such device, or no driver.
pub(super) fn identity(index: usize) -> Option<String> {
    let index = c_int::try_from(index).ok()?;
    let (mut device, mut bytes) = (0, [0; 16]);
    // SAFETY: the functions have these signatures in every version of the driver that has them, write
    // one number or 16 bytes where they are told to, and may be called from any thread. libtorch has
    // loaded the library and begun with it already, which then is no more than counted.
    unsafe {
        let driver = Library::new("libcuda.so.1").ok()?;
        let begin: Symbol<unsafe extern "C" fn(c_uint) -> c_int> = driver.get(b"cuInit\0").ok()?;
        let find: Symbol<unsafe extern "C" fn(*mut c_int, c_int) -> c_int> =
            driver.get(b"cuDeviceGet\0").ok()?;
        // The second version names the part of a GPU (MIG) that this process has, and not the whole.
        let identify: Symbol<unsafe extern "C" fn(*mut [u8; 16], c_int) -> c_int> =
            driver.get(b"cuDeviceGetUuid_v2\0").ok()?;
        let good = begin(0) == 0
            && find(&raw mut device, index) == 0
            && identify(&raw mut bytes, device) == 0;
        if !good {
            return None;
        }
        // The driver may have threads of its own by now: it stays.
        forget(driver);
    }
    Some(written(&bytes))
}

/// An identity, as NVML writes it.
fn written(bytes: &[u8; 16]) -> String {
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let groups = [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]];
    format!("GPU-{}", groups.join("-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_is_written_as_nvml_does() {
        let bytes = std::array::from_fn(|i| 0xF0 - 15 * i as u8);
        assert_eq!(written(&bytes), "GPU-f0e1d2c3-b4a5-9687-7869-5a4b3c2d1e0f");
    }
}
