//! The plant and its feedback controller: one linear closed loop of six states.
//!
//! Plant: x' = A x + B u, y = x_1, of transfer function (s² + 2s + 3) / (s² + 2s + 2)². Feedback on
//! ε = r − y: int' = K_i ε, mv' = ε − RC mv, u = K_p ε + K_d (ε − RC mv) + K_i int + p, where p is
//! the command of the granule layer.

use anyhow::{Result, ensure};
use tch::{Device, Kind, Tensor};

use crate::lab::tensor::optim::finite::all_finite;
use crate::lab::tensor::to_host;

/// States of the closed loop: four of the plant, the integral and the filtered error.
pub const STATES: i64 = 6;

/// The state matrix of the plant: `[4, 4]`.
pub const PLANT: [[f64; 4]; 4] =
    [[0.0, 1.0, 0.0, 0.0], [-2.0, -2.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0], [0.0, 0.0, -2.0, -2.0]];

/// How the motor command enters the plant: `[4]`.
pub const COMMAND: [f64; 4] = [0.0, 1.0, 0.0, 1.0];

/// Gains of the feedback controller.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gains {
    /// Proportional gain.
    pub kp: f64,
    /// Integral gain. It enters twice, so that the effective gain is its square.
    pub ki: f64,
    /// Derivative gain, of the filtered error.
    pub kd: f64,
    /// Rate of the error's filter, 1/s.
    pub rc: f64,
    /// Whether the integral gain enters only once.
    pub ki_once: bool,
}

/// The closed loop z' = A z + B_p p + B_r r with z = (x, int, mv), y = z_1.
#[derive(Debug)]
pub struct ClosedLoop {
    /// State matrix A, 1/s: `[6, 6]`.
    pub state: Tensor,
    /// Input matrix, the columns of p and of r: `[6, 2]`.
    pub inputs: Tensor,
}

/// A linear system sampled at `dt` with inputs that are linear between samples:
/// z_{i+1} = transition z_i + before u_i + after u_{i+1}.
#[derive(Debug)]
pub struct SampledLoop {
    /// How the state carries over: `[6, 6]`.
    pub transition: Tensor,
    /// Effect of the inputs at the sample before: `[6, 2]`.
    pub before: Tensor,
    /// Effect of the inputs at the sample after: `[6, 2]`.
    pub after: Tensor,
}

impl ClosedLoop {
    /// The loop with these gains, in f64 on the CPU.
    pub fn new(gains: &Gains) -> Self {
        let integral = if gains.ki_once { 1.0 } else { gains.ki };
        let direct = gains.kp + gains.kd;
        let mut state = [[0.0; 6]; 6];
        let mut inputs = [[0.0; 2]; 6];
        for row in 0..4 {
            state[row][..4].copy_from_slice(&PLANT[row]);
            state[row][0] -= direct * COMMAND[row];
            state[row][4] = integral * COMMAND[row];
            state[row][5] = -gains.kd * gains.rc * COMMAND[row];
            inputs[row] = [COMMAND[row], direct * COMMAND[row]];
        }
        (state[4][0], inputs[4][1]) = (-gains.ki, gains.ki);
        (state[5][0], state[5][5], inputs[5][1]) = (-1.0, -gains.rc, 1.0);
        let matrix = |rows: &[f64], width: i64| Tensor::from_slice(rows).view([STATES, width]);
        Self { state: matrix(&state.concat(), 6), inputs: matrix(&inputs.concat(), 2) }
    }

    /// The largest real part of the loop's eigenvalues, 1/s: below 0 where it is stable. With
    /// RC = 0 the filter's state feeds nothing back, and its eigenvalue 0 does not count.
    ///
    /// # Errors
    /// Fails if the gains are so large that the state matrix overflows: of what is not finite
    /// libtorch must not be asked for eigenvalues, since that can end the process.
    pub fn growth_rate(&self, gains: &Gains) -> Result<f64> {
        let states = if gains.rc == 0.0 { STATES - 1 } else { STATES };
        let part = self.state.narrow(0, 0, states).narrow(1, 0, states);
        ensure!(to_host::flag(&all_finite(&part))?, "the closed loop's gains are too large");
        to_host::scalar(&part.f_linalg_eigvals()?.real().max())
    }

    /// The exact step of `dt` seconds for inputs that are linear within it (first-order hold), from
    /// the exponential of `[[A dt, B dt, 0], [0, 0, I], [0, 0, 0]]`.
    pub fn sample(&self, dt: f64) -> SampledLoop {
        let options = (Kind::Double, Device::Cpu);
        let top = Tensor::cat(
            &[&self.state * dt, &self.inputs * dt, Tensor::zeros([STATES, 2], options)],
            1,
        );
        let ramp =
            Tensor::cat(&[Tensor::zeros([2, STATES + 2], options), Tensor::eye(2, options)], 1);
        let rest = Tensor::zeros([2, STATES + 4], options);
        let exponential = Tensor::cat(&[top, ramp, rest], 0).linalg_matrix_exp();
        let rows = exponential.narrow(0, 0, STATES);
        let (held, after) = (rows.narrow(1, STATES, 2), rows.narrow(1, STATES + 2, 2));
        SampledLoop {
            transition: rows.narrow(1, 0, STATES).contiguous(),
            before: held - &after,
            after: after.contiguous(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GAINS: Gains = Gains { kp: 0.1, ki: 0.1, kd: 0.1, rc: 0.1, ki_once: false };

    fn numbers(tensor: &Tensor) -> Vec<f64> {
        Vec::<f64>::try_from(tensor.contiguous().view([-1])).unwrap()
    }

    #[test]
    fn closed_loop_has_its_eigenvalues() {
        let values = ClosedLoop::new(&GAINS).state.linalg_eigvals();
        let (real, imaginary) = (numbers(&values.real()), numbers(&values.imag()));
        let mut found: Vec<(f64, f64)> = real.into_iter().zip(imaginary).collect();
        found.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
        let expected = [
            (-1.2041, -1.0683),
            (-1.2041, 1.0683),
            (-0.7963, -1.0686),
            (-0.7963, 1.0686),
            (-0.0921, 0.0),
            (-0.0071, 0.0),
        ];
        for (found, expected) in found.iter().zip(expected) {
            let close = (found.0 - expected.0).abs() < 6e-5 && (found.1 - expected.1).abs() < 6e-5;
            assert!(close, "{found:?} {expected:?}");
        }
    }

    #[test]
    fn a_filter_without_rate_does_not_make_the_loop_unstable() {
        let growth = |gains: &Gains| ClosedLoop::new(gains).growth_rate(gains).unwrap();
        assert!(growth(&Gains { rc: 0.0, ..GAINS }) < -0.005);
        assert!((growth(&GAINS) + 0.0071).abs() < 6e-5);
        assert!(growth(&Gains { kp: -9.0, ..GAINS }) > 0.0);
    }

    #[test]
    fn gains_that_overflow_have_no_growth_rate() {
        for gains in [
            Gains { kp: 1e308, kd: 1e308, ..GAINS },
            Gains { kd: 1e200, rc: 1e200, ..GAINS },
            Gains { ki: f64::NAN, ..GAINS },
        ] {
            let error = ClosedLoop::new(&gains).growth_rate(&gains).unwrap_err().to_string();
            assert!(error.contains("too large"), "{error}");
        }
    }

    #[test]
    fn gains_of_the_plant_and_of_the_loop() {
        let a = Tensor::from_slice(&PLANT.concat()).view([4, 4]);
        let b = Tensor::from_slice(&COMMAND).view([4, 1]);
        let rest = -Tensor::linalg_solve(&a, &b, true);
        assert!((numbers(&rest)[0] - 0.75).abs() < 1e-14);
        // (i omega I - A) x = B as a real system of twice the size, at omega = 0.5.
        let omega = Tensor::eye(4, (Kind::Double, Device::Cpu)) * 0.5;
        let top = Tensor::cat(&[-&a, -&omega], 1);
        let whole = Tensor::cat(&[top, Tensor::cat(&[omega, -&a], 1)], 0);
        let x =
            numbers(&Tensor::linalg_solve(&whole, &Tensor::cat(&[&b, &b.zeros_like()], 0), true));
        let (gain, phase) = (x[0].hypot(x[4]), x[4].atan2(x[0]).to_degrees());
        assert!((gain - 0.7203).abs() < 5e-5 && (phase + 39.5).abs() < 0.05, "{gain} {phase}");
        // The integrator takes away any constant error: p -> y has no gain at rest, r -> y has 1.
        let closed = ClosedLoop::new(&GAINS);
        let rest = numbers(&-Tensor::linalg_solve(&closed.state, &closed.inputs, true));
        assert!(rest[0].abs() < 1e-12 && (rest[1] - 1.0).abs() < 1e-12, "{rest:?}");
    }

    #[test]
    fn a_ramp_is_followed_exactly() {
        let closed = ClosedLoop::new(&GAINS);
        let run = |steps: i64| {
            let (dt, mut z) =
                (2.0 / steps as f64, Tensor::zeros([6, 1], (Kind::Double, Device::Cpu)));
            let sampled = closed.sample(dt);
            for i in 0..steps {
                let u =
                    |i: i64| Tensor::from_slice(&[1.0 - i as f64 * dt, i as f64 * dt]).view([2, 1]);
                z = sampled.transition.matmul(&z)
                    + sampled.before.matmul(&u(i))
                    + sampled.after.matmul(&u(i + 1));
            }
            numbers(&z)
        };
        for (one, many) in run(1).iter().zip(run(50)) {
            assert!((one - many).abs() < 1e-14, "{one} {many}");
        }
    }
}
