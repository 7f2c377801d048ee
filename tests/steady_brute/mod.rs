//! The same system by brute force: one network at a time, sample by sample, in plain numbers.

#![allow(dead_code)]
#![allow(clippy::unwrap_used)]

use neuron_lab::steady_state::plant::block::{BlockMap, Timing};
use neuron_lab::steady_state::plant::closed_loop::{COMMAND, ClosedLoop, Gains, PLANT};
use neuron_lab::steady_state::plant::granule::Granule;
use neuron_lab::steady_state::plant::setup::Setup;
use neuron_lab::steady_state::signal::kind::ReferenceKind;
use neuron_lab::steady_state::signal::ou::OuPath;
use neuron_lab::steady_state::signal::reference::{Reference, ReferenceSpec};
use tch::Tensor;

pub const GAINS: Gains = Gains { kp: 0.1, ki: 0.1, kd: 0.1, rc: 0.1, ki_once: false };

/// How far the references are known, s.
const SECONDS: f64 = 400.0;

pub fn numbers(tensor: &Tensor) -> Vec<f64> {
    Vec::<f64>::try_from(tensor.contiguous().view([-1])).unwrap()
}

pub fn setup(seeds: &[u64], q: i64, kind: ReferenceKind, dt: f64) -> Setup {
    tch::set_num_threads(1);
    let timing = Timing { dt, window_start: 1.0, window_end: 0.5, delay: 0.1 };
    let map = BlockMap::new(&ClosedLoop::new(&GAINS), &timing).unwrap();
    let cutoff = kind.default_cutoff();
    let lookahead = kind.default_lookahead(cutoff);
    let spec = ReferenceSpec { kind, cutoff, seconds: SECONDS + lookahead };
    let granule = Granule::draw(seeds, q, &spec, lookahead).unwrap();
    Setup { map, granule, dt }
}

/// One network with its own weights.
pub struct Network {
    input: Vec<f64>,
    pub cells: usize,
    sinusoids: Vec<[f64; 3]>,
    path: Vec<f64>,
    spacing: f64,
    transition: Vec<f64>,
    before: Vec<f64>,
    after: Vec<f64>,
    pub dt: f64,
}

impl Network {
    /// The network of a seed's first `cells` cells.
    pub fn of(setup: &Setup, seed: i64, cells: i64, kind: ReferenceKind) -> Self {
        let granule = &setup.granule;
        let (mut sinusoids, mut path) = (Vec::new(), Vec::new());
        match &granule.reference {
            Reference::Sinusoids(of) => {
                let parts = [&of.amplitude, &of.omega, &of.phase];
                let parts = parts.map(|part| numbers(&part.get(seed)));
                let one = |i: usize| [0, 1, 2].map(|p: usize| parts[p][i]);
                sinusoids = (0..parts[0].len()).map(one).collect();
            }
            Reference::OuPath(of) => path = numbers(&of.values.get(seed)),
        }
        let sampled = ClosedLoop::new(&GAINS).sample(setup.dt);
        Self {
            input: numbers(&granule.weight.get(seed).narrow(0, 0, cells)),
            cells: cells as usize,
            sinusoids,
            path,
            spacing: kind.default_lookahead(kind.default_cutoff()) / 9.0,
            transition: numbers(&sampled.transition),
            before: numbers(&sampled.before),
            after: numbers(&sampled.after),
            dt: setup.dt,
        }
    }

    pub fn reference(&self, t: f64) -> f64 {
        if !self.path.is_empty() {
            let at = t / OuPath::SPACING;
            let knot = at.floor() as usize;
            let part = at - knot as f64;
            return (1.0 - part) * self.path[knot] + part * self.path[knot + 1];
        }
        self.sinusoids.iter().map(|[a, omega, phase]| a * (omega * t + phase).sin()).sum()
    }

    pub fn answers(&self, t: f64) -> Vec<f64> {
        let seen: Vec<f64> = (0..10).map(|i| self.reference(t + i as f64 * self.spacing)).collect();
        let row = |row: &[f64]| row.iter().zip(&seen).map(|(z, m)| z * m).sum::<f64>().tanh();
        self.input.chunks(10).map(row).collect()
    }

    fn command(&self, weights: &[f64], t: f64) -> f64 {
        self.answers(t).iter().zip(weights).map(|(h, w)| h * w).sum()
    }

    /// One sample further: `from` and `to` are (command, reference) at its ends.
    fn substep(&self, z: &[f64; 6], from: [f64; 2], to: [f64; 2]) -> [f64; 6] {
        std::array::from_fn(|i| {
            let free: f64 = (0..6).map(|j| self.transition[6 * i + j] * z[j]).sum();
            let driven =
                |matrix: &[f64], u: [f64; 2]| matrix[2 * i] * u[0] + matrix[2 * i + 1] * u[1];
            free + driven(&self.before, from) + driven(&self.after, to)
        })
    }

    /// The granule layer's answers, then the reference, at every sample.
    pub fn signals(&self, seconds: usize) -> Vec<(Vec<f64>, f64)> {
        let steps = (seconds as f64 / self.dt).round() as usize;
        let at = |i: usize| (self.answers(i as f64 * self.dt), self.reference(i as f64 * self.dt));
        (0..=steps).map(at).collect()
    }

    /// The task loss of frozen weights, by simulating the whole trajectory.
    pub fn loss(&self, weights: &[f64], seconds: usize) -> f64 {
        self.simulate(seconds, |i| {
            let t = i as f64 * self.dt;
            [self.command(weights, t), self.reference(t)]
        })
    }

    /// As [`Network::loss`], with the layer's answers known.
    pub fn loss_of(&self, weights: &[f64], signals: &[(Vec<f64>, f64)], seconds: usize) -> f64 {
        self.simulate(seconds, |i| {
            let (answers, reference) = &signals[i];
            [answers.iter().zip(weights).map(|(h, w)| h * w).sum(), *reference]
        })
    }

    fn simulate(&self, seconds: usize, inputs: impl Fn(usize) -> [f64; 2]) -> f64 {
        let steps = (seconds as f64 / self.dt).round() as usize;
        let (mut z, mut from) = ([0.0; 6], inputs(0));
        let mut sum = 0.5 * from[1].powi(2);
        for i in 1..=steps {
            let to = inputs(i);
            z = self.substep(&z, from, to);
            from = to;
            let square = (z[0] - to[1]).powi(2);
            sum += if i == steps { 0.5 * square } else { square };
        }
        0.5 * sum * self.dt / seconds as f64
    }

    /// Online LMS: the weights after every update. `noise`: what is added at each.
    pub fn learn(
        &self,
        mut weights: Vec<f64>,
        gamma: f64,
        noise: &[Vec<f64>],
        updates: usize,
    ) -> Vec<Vec<f64>> {
        let n = (1.0 / self.dt).round() as usize;
        let (half, mut z, mut path) = (n / 2, [0.0; 6], Vec::new());
        for k in 0..updates {
            let mut mean = 0.0;
            for i in 0..=n {
                let t = (k * n + i) as f64 * self.dt;
                if i <= half {
                    let part = if i == 0 || i == half { 0.5 } else { 1.0 };
                    mean += part * (z[0] - self.reference(t)) / half as f64;
                }
                if i < n {
                    let later = (k * n + i + 1) as f64 * self.dt;
                    let from = [self.command(&weights, t), self.reference(t)];
                    let to = [self.command(&weights, later), self.reference(later)];
                    z = self.substep(&z, from, to);
                }
            }
            let answers = self.answers((k + 1) as f64 - 0.1);
            for (i, weight) in weights.iter_mut().enumerate() {
                *weight += noise.get(k).map_or(0.0, |noise| noise[i]) - gamma * mean * answers[i];
            }
            path.push(weights.clone());
        }
        path
    }

    /// dz/dt of the differential equations as they are written, with the running integrals of the
    /// squared and of the plain error.
    fn flow(&self, weights: &[f64], t: f64, z: &[f64; 8]) -> [f64; 8] {
        let reference = self.reference(t);
        let error = reference - z[0];
        let filtered = error - GAINS.rc * z[5];
        let feedback = GAINS.kd * filtered + GAINS.ki * z[4] + GAINS.kp * error;
        let u = feedback + self.command(weights, t);
        let plant = |i: usize| (0..4).map(|j| PLANT[i][j] * z[j]).sum::<f64>() + COMMAND[i] * u;
        [plant(0), plant(1), plant(2), plant(3), GAINS.ki * error, filtered, error * error, -error]
    }

    /// One Runge-Kutta step of fourth order.
    fn runge_kutta(&self, weights: &[f64], t: f64, z: &[f64; 8], dt: f64) -> [f64; 8] {
        let moved = |k: &[f64; 8], by: f64| std::array::from_fn(|i| z[i] + by * k[i]);
        let k1 = self.flow(weights, t, z);
        let k2 = self.flow(weights, t + dt / 2.0, &moved(&k1, dt / 2.0));
        let k3 = self.flow(weights, t + dt / 2.0, &moved(&k2, dt / 2.0));
        let k4 = self.flow(weights, t + dt, &moved(&k3, dt));
        std::array::from_fn(|i| z[i] + dt / 6.0 * (k1[i] + 2.0 * k2[i] + 2.0 * k3[i] + k4[i]))
    }

    /// The task loss from the differential equations, without any hold.
    pub fn loss_ode(&self, weights: &[f64], seconds: usize, dt: f64) -> f64 {
        let mut z = [0.0; 8];
        for i in 0..(seconds as f64 / dt).round() as usize {
            z = self.runge_kutta(weights, i as f64 * dt, &z, dt);
        }
        0.5 * z[6] / seconds as f64
    }

    /// Online LMS from the differential equations: the final weights.
    pub fn learn_ode(
        &self,
        mut weights: Vec<f64>,
        gamma: f64,
        updates: usize,
        dt: f64,
    ) -> Vec<f64> {
        let n = (1.0 / dt).round() as usize;
        let mut z = [0.0; 8];
        for k in 0..updates {
            let (before, mut middle) = (z[7], 0.0);
            for i in 0..n {
                if i == n / 2 {
                    middle = z[7];
                }
                z = self.runge_kutta(&weights, (k * n + i) as f64 * dt, &z, dt);
            }
            let mean = (middle - before) / 0.5;
            let answers = self.answers((k + 1) as f64 - 0.1);
            weights.iter_mut().zip(answers).for_each(|(w, h)| *w -= gamma * mean * h);
        }
        weights
    }
}
