//! Gradient descent on the task loss: w ← w − γ (H w − b).

use anyhow::Result;
use tch::{Kind, Tensor};

use super::task::{Modes, Task};

/// Gradient descent from `start` in the eigenbasis of H, in which it has a closed form:
/// w_k = w* + (I − γH)^k (w_0 − w*), L_k = L_0 + Σ of what each mode has lost.
#[derive(Debug)]
pub struct Descent {
    /// Eigenvalues λ of H: `[seed, mode]`.
    values: Tensor,
    /// Eigenvectors of H: `[seed, cell, mode]`.
    vectors: Tensor,
    /// Minus the gradient at the start along each mode: `[seed, mode]`.
    slope: Tensor,
    /// Weights at the start: `[seed, cell]`.
    start: Tensor,
    /// Task loss at the start: `[seed]`.
    start_loss: Tensor,
    gamma: f64,
}

impl Descent {
    /// Gradient descent on a task.
    ///
    /// # Shapes
    /// - start: `[seed, cell]`
    ///
    /// # Errors
    /// As [`Task::modes`].
    pub fn new(task: &Task, start: &Tensor, gamma: f64) -> Result<Self> {
        let Modes { values, vectors } = task.modes()?;
        let gradient = task.gradient(&start.unsqueeze(1));
        let slope = -gradient.matmul(&vectors).squeeze_dim(1);
        Ok(Self {
            values: values.clamp_min(0.0),
            vectors,
            slope,
            start: start.shallow_clone(),
            start_loss: task.loss(start),
            gamma,
        })
    }

    /// The least learning step at which the descent diverges, 2 / λ_max: `[seed]`.
    pub fn critical_step(&self) -> Tensor {
        self.values.amax(1, false).reciprocal() * 2.0
    }

    /// Weights after `steps` steps: `[seed, cell]`.
    pub fn weights(&self, steps: f64) -> Tensor {
        let along = &self.slope * self.step_sums(steps);
        &self.start + self.vectors.matmul(&along.unsqueeze(-1)).squeeze_dim(-1)
    }

    /// The sum (1 − (1 − γλ)^k) / λ of the first k steps along every mode, γk where λ is 0:
    /// `[seed, mode]`.
    fn step_sums(&self, steps: f64) -> Tensor {
        let decay = self.factor().pow_tensor_scalar(steps);
        let flat = self.values.lt(1e-300);
        let along = (1.0 - decay) / self.values.clamp_min(1e-300);
        (&flat * (self.gamma * steps)).where_self(&flat, &along)
    }

    /// What is left of every mode after one step, 1 − γλ: `[seed, mode]`.
    fn factor(&self) -> Tensor {
        1.0 - &self.values * self.gamma
    }

    /// Losses after each of some numbers of steps.
    ///
    /// # Shapes
    /// - counts: `[count]` f64
    /// - returns: `[seed, count]`
    pub fn losses(&self, counts: &Tensor) -> Tensor {
        // A mode of eigenvalue λ and slope p takes p² (1 − (1 − γλ)^{2k}) / 2λ off the loss.
        let doubled = counts.view([1, -1, 1]) * 2.0;
        let decay = self.factor().unsqueeze(1).pow(&doubled);
        let flat = self.values.lt(1e-300).unsqueeze(1);
        let share = (1.0 - decay) / self.values.clamp_min(1e-300).unsqueeze(1);
        let share = (&flat * (doubled * self.gamma)).where_self(&flat, &share);
        let gone = share * self.slope.square().unsqueeze(1) * 0.5;
        self.start_loss.unsqueeze(1) - gone.sum_dim_intlist(-1, false, Kind::Double)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Device;

    fn task() -> (Task, Tensor) {
        tch::manual_seed(4);
        let options = (Kind::Double, Device::Cpu);
        let factor = Tensor::randn([2, 40, 6], options);
        let hessian = factor.transpose(1, 2).matmul(&factor) / 40.0;
        let linear = hessian.matmul(&Tensor::randn([2, 6, 1], options)).squeeze_dim(-1);
        let rule = hessian.copy();
        let constant = Tensor::from_slice(&[4.0, 5.0]);
        let rule_linear = linear.copy();
        (Task { hessian, linear, constant, rule, rule_linear }, Tensor::randn([2, 6], options))
    }

    #[test]
    fn closed_form_is_the_iteration() {
        let (task, start) = task();
        let gamma = 0.3;
        let descent = Descent::new(&task, &start, gamma).unwrap();
        let mut weights = start.copy();
        let counts = Tensor::from_slice(&[0.0, 1.0, 17.0, 200.0]);
        let losses = descent.losses(&counts);
        for k in 0..=200i64 {
            if let Some(at) = [0, 1, 17, 200].iter().position(|count| *count == k) {
                let difference = (descent.weights(k as f64) - &weights).abs().max();
                assert!(difference.double_value(&[]) < 1e-12);
                let difference = (task.loss(&weights) - losses.select(1, at as i64)).abs().max();
                assert!(difference.double_value(&[]) < 1e-12);
            }
            weights -= task.gradient(&weights.unsqueeze(1)).squeeze_dim(1) * gamma;
        }
    }

    #[test]
    fn falls_below_half_the_limit_and_diverges_above_it() {
        let (task, start) = task();
        let descent = |gamma: f64| Descent::new(&task, &start, gamma).unwrap();
        let limit = descent(1.0).critical_step().min().double_value(&[]);
        let counts = Tensor::arange(200, (Kind::Double, Device::Cpu));
        let losses = |gamma: f64| descent(gamma).losses(&counts);
        assert!(
            losses(0.49 * limit)
                .diff(1, 1, None::<Tensor>, None::<Tensor>)
                .le(1e-15)
                .all()
                .int64_value(&[])
                == 1
        );
        let last = |gamma: f64| losses(gamma).select(1, 199).max().double_value(&[]);
        assert!(last(0.99 * limit) < 10.0 && last(1.1 * limit) > 1e6);
    }

    #[test]
    fn a_task_that_is_not_finite_has_modes_and_weights_that_are_not_numbers() {
        let (task, start) = task();
        assert!(task.is_finite().unwrap());
        for value in [f64::NAN, f64::INFINITY] {
            let bad = task.narrow(0, 2);
            let bad = Task { hessian: bad.hessian.copy(), ..bad };
            let _ = bad.hessian.get(1).get(0).get(2).fill_(value);
            assert!(!bad.is_finite().unwrap());
            let all_nan = |tensor: &Tensor| tensor.isnan().all().int64_value(&[]) == 1;
            let minimum = bad.minimum(&start, 1e-7).unwrap();
            assert!(all_nan(&minimum.eigenvalues) && all_nan(&minimum.weights));
            assert!(all_nan(&Descent::new(&bad, &start, 0.1).unwrap().weights(3.0)));
        }
    }
}
