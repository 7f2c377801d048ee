//! One second between two updates of the weights, as an exact linear map.
//!
//! Within a block the weights are constant. With the responses of the closed loop to samples of
//! h and r, which are linear between samples, the state at the end of the block and the mean error
//! in its window are linear in the state at its beginning, in the weights, and in the samples.

use anyhow::{Context, Result};
use tch::{Device, Kind, Tensor};

use super::closed_loop::{ClosedLoop, STATES, SampledLoop};

/// When things happen within the second between two updates.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Timing {
    /// Seconds between samples.
    pub dt: f64,
    /// The error is averaged from this long before the update, s.
    pub window_start: f64,
    /// The error is averaged up to this long before the update, s.
    pub window_end: f64,
    /// The update takes the cells' answers of this long before it, s.
    pub delay: f64,
}

impl Timing {
    /// A time within a block as a number of samples; none where it is not a whole number of them.
    pub fn whole_samples(&self, seconds: f64) -> Option<i64> {
        let count = (seconds / self.dt).round();
        let whole = (count * self.dt - seconds).abs() < 1e-9 && count >= 0.0;
        whole.then_some(count as i64)
    }

    fn samples(&self, seconds: f64) -> Result<i64> {
        let dt = self.dt;
        let count = self.whole_samples(seconds);
        count.with_context(|| format!("{seconds} s is not a whole number of samples of {dt} s"))
    }
}

/// The map of a block of one second with n samples, whose inputs are given at samples 0..=n.
#[derive(Debug)]
pub struct BlockMap {
    /// Samples in a block, n.
    pub samples: i64,
    /// Samples between the answers that an update takes and the update.
    pub delay: i64,
    /// The state after a block without input, F: `[6, 6]`.
    pub transition: Tensor,
    /// Mean of y in the window, of the state at the block's beginning, O: `[6]`.
    pub output: Tensor,
    /// State at the end (rows 0..6) and mean of y in the window (row 6), of a command's samples:
    /// `[7, n + 1]`.
    pub command: Tensor,
    /// State at the end (rows 0..6) and mean of y − r in the window (row 6), of the reference's
    /// samples: `[7, n + 1]`.
    pub reference: Tensor,
    /// y at every sample, of the state at the beginning: `[n + 1, 6]`.
    pub trace_state: Tensor,
    /// y at every sample, of a command's samples: `[n + 1, n + 1]`.
    pub trace_command: Tensor,
    /// y − r at every sample, of the reference's samples: `[n + 1, n + 1]`.
    pub trace_reference: Tensor,
}

impl BlockMap {
    /// The map of the closed loop, in f64 on the CPU.
    ///
    /// # Errors
    /// Fails if a second, the window or the delay is not a whole number of samples.
    pub fn new(plant: &ClosedLoop, timing: &Timing) -> Result<Self> {
        let n = timing.samples(1.0)?;
        let from = n - timing.samples(timing.window_start)?;
        let to = n - timing.samples(timing.window_end)?;
        let delay = timing.samples(timing.delay)?;
        let sampled = plant.sample(timing.dt);
        let StateResponses { driven: responses, free } = StateResponses::new(&sampled, n);
        let window = window(n, from, to);
        let trace = |input: usize| {
            let rows: Vec<Tensor> = responses.iter().map(|pair| pair[input].select(0, 0)).collect();
            Tensor::stack(&rows, 0)
        };
        let outputs: Vec<Tensor> = free.iter().map(|state| state.select(0, 0)).collect();
        let trace_state = Tensor::stack(&outputs, 0);
        let trace_command = trace(0);
        let trace_reference = trace(1) - Tensor::eye(n + 1, (Kind::Double, Device::Cpu));
        let whole = |end: &Tensor, trace: &Tensor| {
            Tensor::cat(&[end.shallow_clone(), window.unsqueeze(0).matmul(trace)], 0)
        };
        let [end_command, end_reference] = &responses[n as usize];
        Ok(Self {
            samples: n,
            delay,
            transition: free[n as usize].copy(),
            output: window.unsqueeze(0).matmul(&trace_state).squeeze(),
            command: whole(end_command, &trace_command),
            reference: whole(end_reference, &trace_reference),
            trace_state,
            trace_command,
            trace_reference,
        })
    }

    /// A copy of the map on a device.
    pub fn to_device(&self, device: Device) -> Self {
        let moved = |tensor: &Tensor| tensor.to_device(device);
        Self {
            samples: self.samples,
            delay: self.delay,
            transition: moved(&self.transition),
            output: moved(&self.output),
            command: moved(&self.command),
            reference: moved(&self.reference),
            trace_state: moved(&self.trace_state),
            trace_command: moved(&self.trace_command),
            trace_reference: moved(&self.trace_reference),
        }
    }
}

/// Responses of the state after i samples of a block, for i from 0 to n.
struct StateResponses {
    /// To the samples of the command and of the reference: `[6, n + 1]` each.
    driven: Vec<[Tensor; 2]>,
    /// To the state at the block's beginning: `[6, 6]`.
    free: Vec<Tensor>,
}

impl StateResponses {
    fn new(sampled: &SampledLoop, n: i64) -> Self {
        let none = || Tensor::zeros([STATES, n + 1], (Kind::Double, Device::Cpu));
        let mut driven = vec![[none(), none()]];
        let mut free = vec![Tensor::eye(STATES, (Kind::Double, Device::Cpu))];
        for i in 0..n {
            let last = &driven[i as usize];
            let next = [0, 1].map(|input: i64| {
                let response = sampled.transition.matmul(&last[input as usize]);
                let _ = response.select(1, i).g_add_(&sampled.before.select(1, input));
                let _ = response.select(1, i + 1).g_add_(&sampled.after.select(1, input));
                response
            });
            free.push(sampled.transition.matmul(&free[i as usize]));
            driven.push(next);
        }
        Self { driven, free }
    }
}

/// Weights of the mean from sample `from` to sample `to`, by the trapezoidal rule: `[n + 1]`.
fn window(n: i64, from: i64, to: i64) -> Tensor {
    let length = (to - from) as f64;
    let weight = |i: i64| match i {
        i if i < from || i > to => 0.0,
        i if i == from || i == to => 0.5 / length,
        _ => 1.0 / length,
    };
    Tensor::from_slice(&(0..=n).map(weight).collect::<Vec<f64>>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::steady_state::plant::closed_loop::Gains;

    const TIMING: Timing = Timing { dt: 0.1, window_start: 1.0, window_end: 0.5, delay: 0.1 };

    #[test]
    fn a_block_is_its_substeps() {
        let gains = Gains { kp: 0.1, ki: 0.1, kd: 0.1, rc: 0.1, ki_once: false };
        let plant = ClosedLoop::new(&gains);
        let map = BlockMap::new(&plant, &TIMING).unwrap();
        let sampled = plant.sample(TIMING.dt);
        tch::manual_seed(1);
        let options = (Kind::Double, Device::Cpu);
        let inputs = Tensor::randn([2, 11], options);
        let start = Tensor::randn([6, 1], options);
        let (mut z, mut mean) = (start.copy(), 0.0);
        for i in 0..=10 {
            if i <= 5 {
                let error = z.double_value(&[0, 0]) - inputs.double_value(&[1, i]);
                mean += error * if i == 0 || i == 5 { 0.1 } else { 0.2 };
            }
            if i < 10 {
                z = sampled.transition.matmul(&z)
                    + sampled.before.matmul(&inputs.narrow(1, i, 1))
                    + sampled.after.matmul(&inputs.narrow(1, i + 1, 1));
            }
        }
        let [p, r] = [inputs.get(0).unsqueeze(1), inputs.get(1).unsqueeze(1)];
        let whole = map.command.matmul(&p) + map.reference.matmul(&r);
        let end = map.transition.matmul(&start) + whole.narrow(0, 0, 6);
        assert!((end - z).abs().max().double_value(&[]) < 1e-14);
        let found = map.output.dot(&start.squeeze()) + whole.get(6).squeeze();
        assert!((found.double_value(&[]) - mean).abs() < 1e-14);
    }

    #[test]
    fn times_that_are_no_samples_are_refused() {
        let plant = ClosedLoop::new(&Gains { kp: 0.1, ki: 0.1, kd: 0.1, rc: 0.1, ki_once: true });
        for (timing, seconds) in [
            (Timing { dt: 0.3, ..TIMING }, "1 s"),
            (Timing { delay: 0.05, ..TIMING }, "0.05 s"),
            (Timing { window_end: 0.25, ..TIMING }, "0.25 s"),
        ] {
            let error = BlockMap::new(&plant, &timing).unwrap_err().to_string();
            assert!(error.starts_with(seconds), "{error}");
        }
    }
}
