//! Copies from the host to a device that the host does not wait for.

use tch::{Device, Tensor};

/// A tensor of the host on `device`. A copy from ordinary memory to CUDA makes the host wait until the
/// device has come that far, in every step that makes one; from page-locked memory it does not. libtorch
/// keeps such memory for the next copy and does not give it away before this one is done.
pub fn upload(host: &Tensor, device: Device) -> Tensor {
    match (host.device(), device) {
        (Device::Cpu, Device::Cuda(_)) => {
            let locked = host.internal_pin_memory(device);
            locked.to_device_(device, host.kind(), true, false)
        }
        _ => host.to_device(device),
    }
}
