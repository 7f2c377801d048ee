//! Whether a series has reached its steady state, since when, and what its mean is.
//!
//! The test is that of Heidelberger and Welch (Operations Research 31, 1983): the first tenths of
//! the series are left out until the rest passes a Cramér–von Mises test of a constant mean, with
//! the variance of the mean estimated from its second half. The integrated autocorrelation time
//! τ = ½ + Σ ρ_k is summed up to Sokal's window, the first lag ≥ 5 τ. The mean has n / 2τ
//! independent samples.

/// Critical value of the Cramér–von Mises statistic of a Brownian bridge at 5 %.
const CRITICAL: f64 = 0.461;
/// Tenths of the series that may be left out.
const TENTHS: usize = 5;
/// Lags in the window, in autocorrelation times.
const WINDOW: f64 = 5.0;
/// Independent samples below which a series says nothing.
const ENOUGH: f64 = 10.0;
/// Points that a long series is averaged down to. The mean and its error do not depend on that.
const POINTS: usize = 500;

/// What a series says about its steady state: since when it is stationary, and its mean.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stationarity {
    /// The sample at which the stationary part begins; none where no part is stationary.
    pub since: Option<usize>,
    /// Integrated autocorrelation time of the tested part, in samples; ½ for independent ones.
    pub autocorrelation: f64,
    /// Independent samples in the tested part.
    pub independent: f64,
    /// Mean of the tested part: the stationary one, or else the second half.
    pub mean: f64,
    /// Half the width of the 95 % confidence interval of that mean, by Student's distribution.
    pub half_width: f64,
}

impl Stationarity {
    /// Whether the series is stationary and long enough to say so.
    pub fn reached(&self) -> bool {
        self.since.is_some() && self.independent >= ENOUGH
    }
}

/// Tests whether a series has reached its steady state.
pub fn test(series: &[f64]) -> Stationarity {
    let stride = series.len().div_ceil(POINTS).max(1);
    let points: Vec<f64> =
        series.chunks_exact(stride).map(|c| c.iter().sum::<f64>() / stride as f64).collect();
    let n = points.len();
    let passed =
        (0..=TENTHS).map(|tenth| tenth * n / 10).find(|start| mean_is_constant(&points[*start..]));
    let part = &points[passed.unwrap_or(n / 2)..];
    let count = part.len() as f64;
    let Moments { mean, variance, time } = moments(part);
    let independent = count / (2.0 * time).max(1.0);
    let error = (variance / independent).sqrt();
    Stationarity {
        since: passed.map(|start| start * stride),
        autocorrelation: time * stride as f64,
        independent,
        mean,
        half_width: student(independent - 1.0) * error,
    }
}

/// Whether a series passes the test of a constant mean at 5 %.
fn mean_is_constant(part: &[f64]) -> bool {
    let n = part.len();
    if n < 10 {
        return false;
    }
    let Moments { variance, time, .. } = moments(&part[n / 2..]);
    let spectrum = variance * 2.0 * time;
    let mean = part.iter().sum::<f64>() / n as f64;
    let scale = part.iter().fold(0.0f64, |a, x| a.max(x.abs()));
    let (mut sum, mut squares) = (0.0, 0.0);
    for x in part {
        sum += x - mean;
        squares += sum * sum;
    }
    // A series without any fluctuation is constant, but for rounding.
    if (squares / n as f64).sqrt() < 1e-12 * scale * n as f64 {
        return true;
    }
    squares / (n * n) as f64 / spectrum < CRITICAL
}

/// Moments of a series.
struct Moments {
    mean: f64,
    variance: f64,
    /// Integrated autocorrelation time, in samples.
    time: f64,
}

/// The moments of a series.
fn moments(part: &[f64]) -> Moments {
    let n = part.len();
    let mean = part.iter().sum::<f64>() / n as f64;
    let centred: Vec<f64> = part.iter().map(|x| x - mean).collect();
    let product = |lag: usize| -> f64 {
        centred.iter().zip(&centred[lag..]).map(|(a, b)| a * b).sum::<f64>() / n as f64
    };
    let variance = product(0);
    if variance == 0.0 {
        return Moments { mean, variance, time: 0.5 };
    }
    let mut time = 0.5;
    for lag in 1..n {
        time += product(lag) / variance;
        if lag as f64 >= WINDOW * time {
            break;
        }
    }
    Moments { mean, variance, time: time.max(0.5) }
}

/// The 97.5 % quantile of Student's distribution, exact for 1 and 2 degrees of freedom, else by
/// the expansion of Cornish and Fisher.
fn student(freedom: f64) -> f64 {
    if freedom < 1.0 {
        return f64::INFINITY;
    }
    if freedom < 2.0 {
        return 12.706;
    }
    if freedom < 3.0 {
        return 4.303;
    }
    let (z, v) = (1.959_963_984_540_054f64, freedom);
    let (z3, z5, z7) = (z.powi(3), z.powi(5), z.powi(7));
    z + (z3 + z) / (4.0 * v)
        + (5.0 * z5 + 16.0 * z3 + 3.0 * z) / (96.0 * v * v)
        + (3.0 * z7 + 19.0 * z5 + 17.0 * z3 - 15.0 * z) / (384.0 * v.powi(3))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::{Device, Kind, Tensor};

    /// An autoregression x_t = rho x_{t-1} + noise, in its steady state, added to 10.
    fn autoregression(rho: f64, length: i64, seed: i64) -> Vec<f64> {
        tch::manual_seed(seed);
        let noise =
            Vec::<f64>::try_from(Tensor::randn([length], (Kind::Double, Device::Cpu))).unwrap();
        let mut x = noise[0] / (1.0 - rho * rho).sqrt();
        noise
            .iter()
            .map(|e| {
                x = rho * x + e;
                10.0 + x
            })
            .collect()
    }

    #[test]
    fn finds_the_autocorrelation_time() {
        // 1/2 + rho / (1 - rho) = 4.5.
        let Moments { time, .. } = moments(&autoregression(0.8, 20_000, 1));
        assert!((time / 4.5 - 1.0).abs() < 0.15, "{time}");
        let Moments { time, .. } = moments(&autoregression(0.0, 20_000, 1));
        assert!((time - 0.5).abs() < 0.05, "{time}");
    }

    #[test]
    fn interval_covers_the_mean_as_often_as_it_says() {
        let inside = (0..200).filter(|seed| {
            let found = test(&autoregression(0.7, 400, *seed));
            (found.mean - 10.0).abs() < found.half_width
        });
        let share = inside.count() as f64 / 200.0;
        println!("coverage of the 95 % interval: {share}");
        assert!((0.88..=0.99).contains(&share), "{share}");
    }

    #[test]
    fn steady_series_pass_and_drifting_ones_do_not() {
        let passed =
            (0..100).filter(|s| test(&autoregression(0.7, 400, *s)).since == Some(0)).count();
        println!("stationary series that pass at once: {passed} of 100");
        assert!(passed >= 88, "{passed}");
        let drifting = |seed: i64| -> Vec<f64> {
            let noise = autoregression(0.7, 400, seed);
            noise.iter().enumerate().map(|(t, x)| x + 0.05 * t as f64).collect()
        };
        let passed = (0..100).filter(|s| test(&drifting(*s)).reached()).count();
        assert!(passed <= 3, "{passed}");
    }

    #[test]
    fn a_transient_is_left_out() {
        let mut series = autoregression(0.5, 400, 3);
        series.iter_mut().enumerate().for_each(|(t, x)| *x += 40.0 * (-(t as f64) / 15.0).exp());
        let found = test(&series);
        assert!((40..=200).contains(&found.since.unwrap()), "{found:?}");
        assert!((found.mean - 10.0).abs() < 3.0 * found.half_width, "{found:?}");
        let constant = test(&[0.5; 400]);
        assert!(constant.reached() && constant.half_width == 0.0);
    }

    #[test]
    fn quantiles_of_student() {
        // scipy.stats.t.ppf(0.975, [3, 5, 10, 30, 100])
        let expected =
            [(3.0, 3.1824), (5.0, 2.5706), (10.0, 2.2281), (30.0, 2.0423), (100.0, 1.984)];
        for (freedom, quantile) in expected {
            assert!((student(freedom) - quantile).abs() < 0.03, "{freedom}");
        }
    }
}
