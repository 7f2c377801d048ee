//! The task loss as an exact quadratic form.
//!
//! With frozen weights y(t; w) = w·φ(t) + y_0(t), φ_i the closed loop's response to cell i and y_0
//! that to the reference alone, so that L(w) = (1/2T) ∫ (y − r)² dt = ½ w·Hw − b·w + c with
//! H = (1/T) ∫ φφᵀ, b = −(1/T) ∫ φ e_0, c = (1/2T) ∫ e_0², e_0 = y_0 − r. Integrals by the
//! trapezoidal rule on the samples.

use anyhow::Result;
use tch::{Kind, Tensor};

use crate::lab::tensor::optim::finite::all_finite;
use crate::lab::tensor::to_host;
use crate::steady_state::plant::setup::{Segment, Setup};

/// Blocks of which the traces are held at once.
const BLOCKS: i64 = 100;

/// The quadratic form of each seed, and the mean update of online LMS at frozen weights.
#[derive(Debug)]
pub struct Task {
    /// The matrix H of second derivatives: `[seed, cell, cell]`.
    pub hessian: Tensor,
    /// The linear term b: `[seed, cell]`.
    pub linear: Tensor,
    /// The constant c, the loss without a granule layer: `[seed]`.
    pub constant: Tensor,
    /// The matrix R of the mean update −γ (R w − p), the mean of h_k (window mean of φ)ᵀ:
    /// `[seed, cell, cell]`.
    pub rule: Tensor,
    /// The vector p of the mean update, minus the mean of h_k (window mean of e_0): `[seed, cell]`.
    pub rule_linear: Tensor,
}

/// The modes of the task loss, along which its curvature is that of one weight each.
#[derive(Debug)]
pub struct Modes {
    /// Eigenvalues λ of H in ascending order: `[seed, mode]`.
    pub values: Tensor,
    /// Eigenvectors of H in columns: `[seed, cell, mode]`.
    pub vectors: Tensor,
}

/// A minimum of the task loss.
#[derive(Debug)]
pub struct Minimum {
    /// Weights of least loss: `[seed, cell]`.
    pub weights: Tensor,
    /// Eigenvalues of H in ascending order: `[seed, cell]`.
    pub eigenvalues: Tensor,
}

impl Task {
    /// The task of the first `seconds` of the trajectory.
    pub fn measure(setup: &Setup, seconds: i64) -> Self {
        let shape = setup.granule.initial.size();
        let (seeds, cells) = (shape[0], shape[1]);
        let options = (Kind::Double, setup.granule.initial.device());
        let mut carried = Tensor::zeros([seeds, 6, cells + 1], options);
        let mut moments = Tensor::zeros([seeds, cells + 1, cells + 1], options);
        let mut rule = Tensor::zeros([seeds, cells, cells + 1], options);
        let mut first = 0;
        while first < seconds {
            let segment = setup.segment(first, BLOCKS.min(seconds - first));
            let trace = setup.trace(&segment, &carried);
            moments += trace.transpose(1, 2).matmul(&trace);
            let ends = |at: &Tensor| at.unsqueeze(2) * at.unsqueeze(1) * 0.5;
            if first == 0 {
                moments -= ends(&trace.select(1, 0));
            }
            rule +=
                segment.answers.transpose(1, 2).matmul(&window_means(setup, &segment, &carried));
            carried = setup.carry(&segment, &carried);
            first += segment.blocks;
            if first == seconds {
                moments += ends(&last_error(setup, &carried, seconds));
            }
        }
        moments *= setup.dt / seconds as f64;
        rule /= seconds as f64;
        Self {
            hessian: moments.narrow(1, 0, cells).narrow(2, 0, cells).contiguous(),
            linear: -moments.select(2, cells).narrow(1, 0, cells),
            constant: moments.select(1, cells).select(1, cells) * 0.5,
            rule: rule.narrow(2, 0, cells).contiguous(),
            rule_linear: -rule.select(2, cells),
        }
    }

    /// The task loss L(w).
    ///
    /// # Shapes
    /// - weights: `[seed, ..., cell]`
    /// - returns: `[seed, ...]`
    pub fn loss(&self, weights: &Tensor) -> Tensor {
        let shape = weights.size();
        let (lead, cells) = (&shape[..shape.len() - 1], shape[shape.len() - 1]);
        let rows = weights.reshape([shape[0], -1, cells]);
        let half = rows.matmul(&self.hessian) * 0.5 - self.linear.unsqueeze(1);
        let loss = (half * rows).sum_dim_intlist(-1, false, Kind::Double);
        (loss + self.constant.unsqueeze(1)).reshape(lead)
    }

    /// The gradient Hw − b of the task loss.
    ///
    /// # Shapes
    /// - weights, returns: `[seed, row, cell]`
    pub fn gradient(&self, weights: &Tensor) -> Tensor {
        weights.matmul(&self.hessian) - self.linear.unsqueeze(1)
    }

    /// The task of the networks with the first `cells` cells.
    pub fn leading(&self, cells: i64) -> Self {
        let matrix = |tensor: &Tensor| tensor.narrow(1, 0, cells).narrow(2, 0, cells).contiguous();
        let vector = |tensor: &Tensor| tensor.narrow(1, 0, cells).contiguous();
        Self {
            hessian: matrix(&self.hessian),
            linear: vector(&self.linear),
            constant: self.constant.shallow_clone(),
            rule: matrix(&self.rule),
            rule_linear: vector(&self.rule_linear),
        }
    }

    /// The tasks of the seeds from index `start` on.
    pub fn narrow(&self, start: i64, length: i64) -> Self {
        let cut = |tensor: &Tensor| tensor.narrow(0, start, length);
        Self {
            hessian: cut(&self.hessian),
            linear: cut(&self.linear),
            constant: cut(&self.constant),
            rule: cut(&self.rule),
            rule_linear: cut(&self.rule_linear),
        }
    }

    /// Whether every number of the task is finite. Gains of the feedback that are far too large let
    /// the loop's responses overflow.
    ///
    /// # Errors
    /// Fails if the device can't be read.
    pub fn is_finite(&self) -> Result<bool> {
        let Self { hessian, linear, constant, rule, rule_linear } = self;
        let flags = [hessian, linear, constant, rule, rule_linear].map(all_finite);
        to_host::flag(&Tensor::stack(&flags, 0).all())
    }

    /// The modes of H: NaN where any of its entries is not finite, for which the decomposition
    /// would fail.
    ///
    /// # Errors
    /// Fails if libtorch can't decompose H.
    pub fn modes(&self) -> Result<Modes> {
        let finite = all_finite(&self.hessian);
        let safe = self.hessian.where_scalarother(&finite, 0.0);
        let (values, vectors) = safe.f_linalg_eigh("L")?;
        let known = |tensor: Tensor| tensor.where_scalarother(&finite, f64::NAN);
        Ok(Modes { values: known(values), vectors: known(vectors) })
    }

    /// The weights of least loss next to `start`, start + U Λ⁻¹ Uᵀ (b − H start) over the eigenvalues
    /// above `cut` times the largest.
    ///
    /// # Shapes
    /// - start: `[seed, cell]`
    ///
    /// # Errors
    /// As [`Task::modes`].
    pub fn minimum(&self, start: &Tensor, cut: f64) -> Result<Minimum> {
        let Modes { values, vectors } = self.modes()?;
        let residual = &self.linear - self.hessian.matmul(&start.unsqueeze(-1)).squeeze_dim(-1);
        let along = vectors.transpose(1, 2).matmul(&residual.unsqueeze(-1)).squeeze_dim(-1);
        let largest = values.amax(1, true);
        let kept = values.gt_tensor(&(largest * cut));
        let step = (along / &values).where_self(&kept, &values.zeros_like());
        let weights = start + vectors.matmul(&step.unsqueeze(-1)).squeeze_dim(-1);
        Ok(Minimum { weights, eigenvalues: values })
    }
}

/// Mean error in the window of every block at frozen weights.
///
/// # Shapes
/// - carried: state of the loop at the segment's beginning, `[seed, 6, N + 1]`
/// - returns: `[seed, U, N + 1]`
fn window_means(setup: &Setup, segment: &Segment, carried: &Tensor) -> Tensor {
    let mut means = Vec::new();
    let mut output = setup.map.output.unsqueeze(0);
    for k in 0..segment.blocks {
        means.push(output.matmul(carried).squeeze_dim(1) + segment.error.select(1, k));
        output = output.matmul(&setup.map.transition);
    }
    Tensor::stack(&means, 1)
}

/// The error y − r at the end of the task.
///
/// # Shapes
/// - state: state of the loop there, `[seed, 6, N + 1]`
/// - returns: `[seed, N + 1]`
fn last_error(setup: &Setup, state: &Tensor, seconds: i64) -> Tensor {
    let time = Tensor::from_slice(&[seconds as f64]).to_device(state.device());
    let reference = setup.granule.signals(&time).reference;
    let error = state.select(1, 0).copy();
    let columns = error.size()[1] - 1;
    let _ = error.narrow(1, columns, 1).g_sub_(&reference);
    error
}
