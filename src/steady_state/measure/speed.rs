//! Learning speed, by every definition. A series of losses begins with the loss before learning,
//! one update a second.

/// The speed's first sample, counted from 1, in the definition of the dynamic speed.
const FIRST: usize = 3;

/// Learning speeds of a run, 1/s.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Speeds {
    /// Mean of −(L_t − L_{t−1}) / L_t over samples 3 to 3 + 5. Dividing by the new loss counts a
    /// doubling as −1/2 and a halving as +1, so that a loss that bounces looks fast.
    pub dynamic_5: f64,
    /// The dynamic speed over samples 3 to 3 + 50.
    pub dynamic_50: f64,
    /// Slope −d ln L / dt over the samples of `dynamic_5`.
    pub log_5: f64,
    /// Slope −d ln L / dt over the samples of `dynamic_50`.
    pub log_50: f64,
    /// Share of the loss that the first update takes away.
    pub first: f64,
}

impl Speeds {
    /// The speeds of a run that has diverged.
    pub const UNKNOWN: Self = {
        let nan = f64::NAN;
        Self { dynamic_5: nan, dynamic_50: nan, log_5: nan, log_50: nan, first: nan }
    };
}

/// The speeds of a series; NaN where it is too short.
pub fn speeds(losses: &[f64]) -> Speeds {
    let first = match losses {
        [before, after, ..] => (before - after) / before,
        _ => f64::NAN,
    };
    Speeds {
        dynamic_5: dynamic(losses, 5),
        dynamic_50: dynamic(losses, 50),
        log_5: log_slope(losses, 5),
        log_50: log_slope(losses, 50),
        first,
    }
}

/// Mean of −(L_t − L_{t−1}) / L_t over samples 3 to 3 + `last`, counted from 1.
pub fn dynamic(losses: &[f64], last: usize) -> f64 {
    let Some(part) = losses.get(FIRST - 2..FIRST + last) else { return f64::NAN };
    let relative = part.windows(2).map(|pair| (pair[0] - pair[1]) / pair[1]);
    relative.sum::<f64>() / (last + 1) as f64
}

/// The slope −d ln L / dt between the ends of the samples of [`dynamic`].
pub fn log_slope(losses: &[f64], last: usize) -> f64 {
    let Some(part) = losses.get(FIRST - 2..FIRST + last) else { return f64::NAN };
    (part[0] / part[last + 1]).ln() / (last + 1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exponential_has_one_speed() {
        let losses: Vec<f64> = (0..60).map(|t| (-0.1 * f64::from(t)).exp()).collect();
        let found = speeds(&losses);
        assert!((found.log_5 - 0.1).abs() < 1e-12 && (found.log_50 - 0.1).abs() < 1e-12);
        let relative = 0.1f64.exp() - 1.0;
        assert!((found.dynamic_5 - relative).abs() < 1e-12, "{found:?}");
        assert!((found.first - (1.0 - (-0.1f64).exp())).abs() < 1e-12);
        assert!(dynamic(&losses[..8], 5).is_finite() && dynamic(&losses[..7], 5).is_nan());
    }

    #[test]
    fn a_bouncing_loss_looks_fast_to_the_dynamic_speed_alone() {
        let losses: Vec<f64> = (0..60).map(|t| if t % 2 == 0 { 2.0 } else { 1.0 }).collect();
        assert!(dynamic(&losses, 5) > 0.2 && log_slope(&losses, 5).abs() < 0.12);
    }
}
