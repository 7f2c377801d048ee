//! More or fewer computation neurons during training, with the optimizer's state carried along.
//!
//! Growth from K to K' copies the selection and computation rows in turn (row k' is a copy of row
//! k' mod K) and adds noise to the copies. Without noise the network is exactly the same, since the
//! first of equal logits wins, and the copies are never selected. The optimizer's state of a copy
//! begins at zero. Shrinking keeps, for each neuron, those that it selected most in the epoch before.

use tch::{Device, Kind, Tensor};

use crate::lab::tensor::rng;

/// A change of K.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// K before.
    pub from: i64,
    /// K from then on.
    pub to: i64,
    /// The epoch before whose first step it happens, from 1.
    pub epoch: u64,
}

impl Change {
    /// Whether K becomes larger.
    pub fn grows(self) -> bool {
        self.to > self.from
    }
}

/// Which computation neuron each row of the changed layer was: `[.., K', N]` i64.
///
/// # Shapes
/// - counts: how often each was selected, `[.., K, N]`
pub fn origins(change: Change, counts: &Tensor) -> Tensor {
    if change.grows() {
        let rows = Tensor::arange(change.to, (Kind::Int64, counts.device())).remainder(change.from);
        let mut size = counts.size();
        let axis = size.len() - 2;
        size[axis] = change.to;
        return rows.unsqueeze(-1).expand(size, false).contiguous();
    }
    let most_used = (-counts).argsort_stable(true, -2, false);
    most_used.narrow(-2, 0, change.to).sort(-2, false).0
}

/// The rows of a parameter or of a moment after the change: `[.., K', N]` or `[.., K', N, D]`.
///
/// # Shapes
/// - old: `[.., K, N]` or `[.., K, N, D]`
/// - origins: `[.., K', N]`
pub fn rows(old: &Tensor, origins: &Tensor) -> Tensor {
    if old.dim() == origins.dim() {
        return old.gather(-2, origins, false);
    }
    let mut size = origins.size();
    size.push(old.size()[old.dim() - 1]);
    old.gather(-3, &origins.unsqueeze(-1).expand(size, false), false)
}

/// The noise that growth adds to the copies that it makes.
#[derive(Debug, Clone, Copy)]
pub struct CopyNoise {
    /// The standard deviation of the noise.
    pub scale: f64,
    /// The run's seed; replicate r has this + r.
    pub seed: u64,
    /// The step of the change.
    pub step: u64,
    /// Whether parameters have an axis of replicates in front.
    pub replicated: bool,
}

impl CopyNoise {
    /// What is added to the parameter of this name: noise for the copies, 0 for the others, of the
    /// size of `new`.
    ///
    /// # Shapes
    /// - new: `[.., K', N]` or `[.., K', N, D]`
    pub fn like(&self, new: &Tensor, name: &str, change: Change) -> Tensor {
        let size = new.size();
        let (replicates, own) =
            if self.replicated { (size[0], &size[1..]) } else { (1, &size[..]) };
        let draw = |replicate: i64| {
            let seed = self.seed.wrapping_add(replicate as u64);
            rng::seed_torch(seed, &format!("grow.{name}"), self.step);
            let noise = Tensor::randn(own, (Kind::Float, Device::Cpu)) * self.scale;
            _ = noise.narrow(0, 0, change.from.min(change.to)).zero_();
            noise
        };
        let each: Vec<Tensor> = (0..replicates).map(draw).collect();
        Tensor::stack(&each, 0).view_as(new).to_device(new.device()).to_kind(new.kind())
    }
}
