//! Tensors and what computes with them: device, parameters, initialisation, random numbers,
//! optimizers, reads by the host.

pub mod autograd;
pub mod device;
mod dispatcher;
pub mod host_memory;
pub mod init;
pub mod libtorch;
pub mod memory;
pub mod nn;
pub mod optim;
pub mod params;
pub mod rng;
pub mod to_device;
pub mod to_host;
