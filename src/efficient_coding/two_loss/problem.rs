//! The constraint on the hill, and one step of each method.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use super::hill::{Coordinates, Hill};

/// What the second loss, (g(x) − target)², holds fixed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Constraint {
    /// g = x2: the notebook's, which fixes x2 by itself
    X2,
    /// g = x1 + x2: coupled, though the second optimizer moves x2 alone
    Sum,
}

impl Constraint {
    /// ∂g/∂x1; ∂g/∂x2 is 1.
    fn along_x1(self) -> f64 {
        match self {
            Self::X2 => 0.0,
            Self::Sum => 1.0,
        }
    }

    /// The x2 that keeps the constraint at `x1`.
    pub fn x2(self, x1: f64, target: f64) -> f64 {
        target - self.along_x1() * x1
    }
}

/// How the hill is climbed under the constraint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// The notebook's: SGD on −f for both coordinates, then SGD on the second loss for x2 alone
    TwoLosses,
    /// Descent on −f + λh + ρh²/2, h = g − target, with ascent on λ
    Multiplier,
    /// x2 is computed from x1, which follows the total derivative
    Eliminate,
}

impl Method {
    /// The name that `--methods` takes.
    pub fn name(self) -> &'static str {
        match self {
            Self::TwoLosses => "two-losses",
            Self::Multiplier => "multiplier",
            Self::Eliminate => "eliminate",
        }
    }

    /// Whether the path is on the constraint from its first step on.
    pub fn follows_constraint(self) -> bool {
        match self {
            Self::Eliminate => true,
            Self::TwoLosses | Self::Multiplier => false,
        }
    }

    /// Whether a multiplier λ climbs while the coordinates descend.
    pub fn has_multiplier(self) -> bool {
        match self {
            Self::Multiplier => true,
            Self::TwoLosses | Self::Eliminate => false,
        }
    }
}

/// The hill with its constraint and the step sizes.
#[derive(Debug, Clone, Copy)]
pub struct Problem {
    /// What is to be maximised.
    pub hill: Hill,
    /// What is to be held at the target.
    pub constraint: Constraint,
    /// The value that it is to have.
    pub target: f64,
    /// Learning rate of −f.
    pub lr: f64,
    /// Learning rate of the second loss.
    pub rate_lr: f64,
    /// Weight ρ of the quadratic penalty, with a multiplier.
    pub penalty: f64,
    /// Learning rate of the multiplier.
    pub multiplier_lr: f64,
}

impl Problem {
    /// h(x) = g(x) − target.
    pub fn excess(&self, x: Coordinates) -> f64 {
        x[1] - self.constraint.x2(x[0], self.target)
    }

    /// One iteration from `[x1, x2, λ]`.
    pub fn step(&self, method: Method, state: &mut [f64; 3]) {
        let [x1, x2, multiplier] = *state;
        let slope = self.hill.slope([x1, x2]);
        let along = self.constraint.along_x1();
        match method {
            Method::TwoLosses => {
                let moved = [x1 + self.lr * slope[0], x2 + self.lr * slope[1]];
                let x2 = moved[1] - self.rate_lr * 2.0 * self.excess(moved);
                *state = [moved[0], x2, 0.0];
            }
            Method::Multiplier => {
                let excess = self.excess([x1, x2]);
                let force = multiplier + self.penalty * excess;
                *state = [
                    x1 + self.lr * (slope[0] - force * along),
                    x2 + self.lr * (slope[1] - force),
                    multiplier + self.multiplier_lr * excess,
                ];
            }
            Method::Eliminate => {
                let on = [x1, self.constraint.x2(x1, self.target)];
                let slope = self.hill.slope(on);
                let x1 = x1 + self.lr * (slope[0] - along * slope[1]);
                *state = [x1, self.constraint.x2(x1, self.target), 0.0];
            }
        }
    }

    /// The highest point of the hill on the constraint.
    pub fn optimum(&self) -> Coordinates {
        let [u1, u2] = self.hill.top;
        let x1 = match self.constraint {
            Constraint::X2 => u1 - self.hill.tilt * (self.target - u2),
            // Along (1, −1) the hill is highest where both coordinates are as far from the top.
            Constraint::Sum => (self.target + u1 - u2) / 2.0,
        };
        [x1, self.constraint.x2(x1, self.target)]
    }

    /// Where the iteration of two losses stands still. There ∂f/∂x1 = 0, so that
    /// x1 = u1 − c (x2 − u2), and what the first loss does to x2 the second one undoes:
    /// (1 − 2 b) a ∂f/∂x2 = 2 b h for the learning rates a and b. Solved by bisection in x2.
    pub fn fixed_point(&self) -> Coordinates {
        let [u1, u2] = self.hill.top;
        let x1 = |x2: f64| u1 - self.hill.tilt * (x2 - u2);
        let pull = |x2: f64| {
            let x = [x1(x2), x2];
            let first = (1.0 - 2.0 * self.rate_lr) * self.lr * self.hill.slope(x)[1];
            2.0 * self.rate_lr * self.excess(x) - first
        };
        // h grows by 1 − c·∂g/∂x1 for every unit of x2, and the first loss moves x2 by less than 2a.
        let growth = 1.0 - self.hill.tilt * self.constraint.along_x1();
        let middle = u2 - self.excess([u1, u2]) / growth;
        let room = 1.0 + (self.lr / self.rate_lr).abs() / growth;
        let (mut low, mut high) = (middle - room, middle + room);
        for _ in 0..200 {
            let x2 = 0.5 * (low + high);
            if pull(x2) < 0.0 { low = x2 } else { high = x2 }
        }
        [x1(0.5 * (low + high)), 0.5 * (low + high)]
    }

    /// The first iterations of two losses from `start`, counted from 1 as they are printed, that
    /// begin within each of `distances` of `goal` in both coordinates; none where that takes more
    /// than `limit`.
    pub fn arrivals<const N: usize>(
        &self,
        start: Coordinates,
        goal: Coordinates,
        distances: [f64; N],
        limit: u64,
    ) -> [Option<u64>; N] {
        let mut state = [start[0], start[1], 0.0];
        let mut found = [None; N];
        for iteration in 1..=limit {
            let distance = (state[0] - goal[0]).abs().max((state[1] - goal[1]).abs());
            for (found, within) in found.iter_mut().zip(distances) {
                if found.is_none() && distance < within {
                    *found = Some(iteration);
                }
            }
            if found.iter().all(Option::is_some) {
                break;
            }
            self.step(Method::TwoLosses, &mut state);
        }
        found
    }
}
