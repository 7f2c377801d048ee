//! Least squares of L(t) = a exp(−rate t) + floor with a, rate, floor ≥ 0.
//!
//! For a given rate, a and floor follow in closed form, so that the fit is a search in one number:
//! on a grid of rates, then by the golden section between the neighbours of the best.

/// Slowest rate on the grid, 1/s.
const SLOWEST: f64 = 1e-5;
/// Fastest rate on the grid, 1/s.
const FASTEST: f64 = 5.0;
/// Rates on the grid, equally spaced in their logarithms.
const RATES: usize = 60;

/// An exponential that has been fitted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fit {
    /// Speed of learning, 1/s.
    pub rate: f64,
    /// Loss at the end of learning.
    pub floor: f64,
}

/// The exponentials exp(−rate t) of the grid, for series of one length.
#[derive(Debug)]
pub struct RateGrid {
    /// Each rate and its exponential.
    curves: Vec<(f64, Vec<f64>)>,
}

impl RateGrid {
    /// The grid for series of this many losses, one second apart.
    pub fn new(length: usize) -> Self {
        let share = |i: usize| i as f64 / (RATES - 1) as f64;
        let rate = |i: usize| SLOWEST * (FASTEST / SLOWEST).powf(share(i));
        Self { curves: (0..RATES).map(|i| (rate(i), curve(rate(i), length))).collect() }
    }

    /// The fit of a series of that length. The rate is 0 where a constant fits best.
    pub fn fit(&self, losses: &[f64]) -> Fit {
        let costs: Vec<f64> =
            self.curves.iter().map(|(_, exponential)| project(exponential, losses).cost).collect();
        let best = (0..costs.len()).min_by(|a, b| costs[*a].total_cmp(&costs[*b])).unwrap_or(0);
        let ends = [best.saturating_sub(1), (best + 1).min(costs.len() - 1)];
        let [mut low, mut high] = ends.map(|i| self.curves[i].0.ln());
        let cost = |x: f64| project(&curve(x.exp(), losses.len()), losses).cost;
        let golden = 0.5 * (5f64.sqrt() - 1.0);
        let mut inner = [high - golden * (high - low), low + golden * (high - low)];
        let mut at = inner.map(cost);
        while high - low > 1e-6 {
            if at[0] < at[1] {
                high = inner[1];
                inner = [high - golden * (high - low), inner[0]];
                at = [cost(inner[0]), at[0]];
            } else {
                low = inner[0];
                inner = [inner[1], low + golden * (high - low)];
                at = [at[1], cost(inner[1])];
            }
        }
        let rate = (0.5 * (low + high)).exp();
        let Projection { amplitude, floor, .. } = project(&curve(rate, losses.len()), losses);
        Fit { rate: if amplitude > 0.0 { rate } else { 0.0 }, floor }
    }
}

/// The exponential exp(−rate t) at t = 0, 1, ... s.
fn curve(rate: f64, length: usize) -> Vec<f64> {
    (0..length).map(|t| (-rate * t as f64).exp()).collect()
}

/// The least squares of a E + floor with a, floor ≥ 0.
struct Projection {
    /// Sum of the squares.
    cost: f64,
    /// The factor a.
    amplitude: f64,
    floor: f64,
}

/// The best a and floor for an exponential E.
fn project(exponential: &[f64], losses: &[f64]) -> Projection {
    let n = losses.len() as f64;
    let mean = |values: &[f64]| values.iter().sum::<f64>() / n;
    let (e, l) = (mean(exponential), mean(losses));
    let (mut ee, mut el, mut ll) = (0.0, 0.0, 0.0);
    for (x, y) in exponential.iter().zip(losses) {
        ee += (x - e) * (x - e);
        el += (x - e) * (y - l);
        ll += (y - l) * (y - l);
    }
    let amplitude = if ee > 0.0 { (el / ee).max(0.0) } else { 0.0 };
    let floor = l - amplitude * e;
    if floor >= 0.0 {
        let cost = ll - 2.0 * amplitude * el + amplitude * amplitude * ee;
        return Projection { cost, amplitude, floor };
    }
    let (ee, el, ll) = (ee + n * e * e, el + n * e * l, ll + n * l * l);
    Projection { cost: ll - el * el / ee, amplitude: el / ee, floor: 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(a: f64, rate: f64, floor: f64) -> Vec<f64> {
        (0..400).map(|t| a * (-rate * f64::from(t)).exp() + floor).collect()
    }

    #[test]
    fn finds_the_exponential_that_made_the_series() {
        let grid = RateGrid::new(400);
        for (rate, floor) in [(0.004, 1e-3), (0.05, 2e-4), (0.9, 0.0)] {
            let found = grid.fit(&series(0.04, rate, floor));
            assert!((found.rate / rate - 1.0).abs() < 1e-4, "{found:?}");
            assert!((found.floor - floor).abs() < 1e-7, "{found:?}");
        }
    }

    #[test]
    fn a_series_that_rises_has_no_rate() {
        let rising: Vec<f64> = (0..400).map(f64::from).collect();
        let found = RateGrid::new(400).fit(&rising);
        assert_eq!(found.rate, 0.0);
        assert!((found.floor - 199.5).abs() < 1e-9);
    }
}
