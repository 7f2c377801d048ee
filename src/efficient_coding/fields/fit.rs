//! The difference of Gaussians that is closest to a filter.

/// Share of the variance that a fit must explain to count as a good one.
pub const MIN_R2: f64 = 0.7;
/// Steps of the search, at most.
const STEPS: usize = 200;
/// Logarithms of the scales a − b and b that the search begins at: fields of a few pixels' radius,
/// and of half a patch.
const STARTS: [[f64; 2]; 3] = [[-1.0, -2.0], [-2.0, -3.5], [-3.5, -4.5]];

/// p e^(−a s) − q e^(−b s) of the squared distance s from a centre, a > b.
#[derive(Debug, Clone, Copy)]
pub struct DogFit {
    /// Row and column, in pixels.
    pub centre: [f64; 2],
    /// Height p of the centre.
    pub height: f64,
    /// Height q of the surround over p.
    pub surround: f64,
    /// a, of the centre, in 1/pixel².
    pub a: f64,
    /// b, of the surround, in 1/pixel².
    pub b: f64,
    /// Share of the variance over pixels that the fit explains.
    pub r2: f64,
    /// Whether that is at least [`MIN_R2`], the centre is in the patch, and its height positive.
    pub good: bool,
}

impl DogFit {
    /// Where the fit is zero, in pixels from the centre: √(ln(p/q) / (a − b)); none where the
    /// surround is negative or the stronger one.
    pub fn zero_crossing(&self) -> Option<f64> {
        let inside = self.surround > 0.0 && self.surround < 1.0;
        inside.then(|| ((1.0 / self.surround).ln() / (self.a - self.b)).sqrt())
    }

    /// The distance at which the fit is half as high as at its centre, in pixels.
    pub fn half_radius(&self) -> f64 {
        let value = |r: f64| (-self.a * r * r).exp() - self.surround * (-self.b * r * r).exp();
        // Where the centre alone is at half of the fit's height, the fit is below it or at it.
        let (mut low, mut high) = (0.0, (2.0f64.ln() / self.a).sqrt());
        while value(high) > 0.5 * value(0.0) && high < 1e6 {
            high *= 2.0;
        }
        for _ in 0..60 {
            let middle = 0.5 * (low + high);
            if value(middle) > 0.5 * value(0.0) { low = middle } else { high = middle }
        }
        0.5 * (low + high)
    }
}

/// Row, column, p, q, log(a − b), log b.
type Parameters = [f64; 6];

/// Fits a plane whose extreme is positive, by Levenberg's and Marquardt's method from several
/// sizes, and keeps the best.
///
/// - plane: row-major, as seen through the mask, `[side * side]`
/// - mask: what the model is seen through, `[side * side]`
pub fn fit(plane: &[f64], mask: &[f64], side: usize) -> DogFit {
    let peak = (0..plane.len()).max_by(|i, j| plane[*i].total_cmp(&plane[*j])).unwrap_or(0);
    let at = [(peak / side) as f64, (peak % side) as f64];
    let mean = plane.iter().sum::<f64>() / plane.len() as f64;
    let variance: f64 = plane.iter().map(|w| (w - mean).powi(2)).sum();
    let data = Data { plane, mask, side };
    let starts = STARTS.map(|[a, b]| {
        let height = plane[peak].max(f64::MIN_POSITIVE);
        data.descend([at[0], at[1], 1.3 * height, 0.3 * height, a, b])
    });
    let [first, rest @ ..] = &starts;
    let best = rest.iter().fold(first, |best, other| if other.1 < best.1 { other } else { best });
    let ([row, column, p, q, a, b], error) = *best;
    let r2 = 1.0 - error / variance.max(f64::MIN_POSITIVE);
    let last = side as f64 - 0.5;
    let inside = [row, column].iter().all(|x| (-0.5..last).contains(x));
    DogFit {
        centre: [row, column],
        height: p,
        surround: q / p,
        a: a.exp() + b.exp(),
        b: b.exp(),
        r2,
        good: r2 >= MIN_R2 && inside && p > 0.0,
    }
}

struct Data<'a> {
    plane: &'a [f64],
    mask: &'a [f64],
    side: usize,
}

impl Data<'_> {
    /// Calls `visit` with each pixel's residual and its derivatives by the parameters.
    fn each(&self, [row, column, p, q, a, b]: Parameters, mut visit: impl FnMut(f64, Parameters)) {
        let (narrow, wide) = (a.exp(), b.exp());
        let steep = narrow + wide;
        for (i, (value, mask)) in self.plane.iter().zip(self.mask).enumerate() {
            let (y, x) = ((i / self.side) as f64 - row, (i % self.side) as f64 - column);
            let s = y * y + x * x;
            let (centre, surround) = ((-steep * s).exp(), (-wide * s).exp());
            let by_s = q * wide * surround - p * steep * centre;
            let derivatives = [
                -2.0 * y * by_s,
                -2.0 * x * by_s,
                centre,
                -surround,
                -p * s * centre * narrow,
                s * wide * (q * surround - p * centre),
            ];
            let residual = value - mask * (p * centre - q * surround);
            visit(residual, derivatives.map(|d| mask * d));
        }
    }

    fn error(&self, at: Parameters) -> f64 {
        let mut sum = 0.0;
        self.each(at, |residual, _| sum += residual * residual);
        if sum.is_finite() { sum } else { f64::INFINITY }
    }

    /// The end of a descent, and its squared error.
    fn descend(&self, mut at: Parameters) -> (Parameters, f64) {
        let (mut error, mut damping) = (self.error(at), 1e-3);
        for _ in 0..STEPS {
            let (mut normal, mut slope) = ([[0.0; 6]; 6], [0.0; 6]);
            self.each(at, |residual, derivatives| {
                for (i, di) in derivatives.iter().enumerate() {
                    slope[i] += residual * di;
                    for (sum, dj) in normal[i].iter_mut().zip(&derivatives) {
                        *sum += di * dj;
                    }
                }
            });
            let before = error;
            while damping < 1e12 {
                let mut damped = normal;
                (0..6).for_each(|i| damped[i][i] *= 1.0 + damping);
                let step = solve(damped, slope);
                let mut tried = at;
                tried.iter_mut().zip(step).for_each(|(x, step)| *x += step);
                // Scales far beyond a pixel or a patch are all alike.
                (4..6).for_each(|i| tried[i] = tried[i].clamp(-12.0, 4.0));
                let found = self.error(tried);
                if found < error {
                    (at, error, damping) = (tried, found, (damping * 0.2).max(1e-12));
                    break;
                }
                damping *= 5.0;
            }
            if before - error <= 1e-14 * before {
                break;
            }
        }
        (at, error)
    }
}

/// Solves a symmetric system by elimination with pivots; directions that it lacks are left alone.
fn solve(mut m: [[f64; 6]; 6], mut v: [f64; 6]) -> [f64; 6] {
    for i in 0..6 {
        let pivot = (i..6).max_by(|a, b| m[*a][i].abs().total_cmp(&m[*b][i].abs())).unwrap_or(i);
        m.swap(i, pivot);
        v.swap(i, pivot);
        if m[i][i].abs() < 1e-300 {
            m[i] = [0.0; 6];
            (m[i][i], v[i]) = (1.0, 0.0);
        }
        let (row, value) = (m[i], v[i]);
        for j in i + 1..6 {
            let factor = m[j][i] / row[i];
            m[j].iter_mut().zip(row).for_each(|(x, y)| *x -= factor * y);
            v[j] -= factor * value;
        }
    }
    for i in (0..6).rev() {
        let known: f64 = (i + 1..6).map(|j| m[i][j] * v[j]).sum();
        v[i] = (v[i] - known) / m[i][i];
    }
    v
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::tensor::rng;

    #[test]
    fn the_derivatives_are_the_difference_quotients() {
        let plane: Vec<f64> = rng::words(1, "plane", 0).take(49).map(rng::unit).collect();
        let mask: Vec<f64> = rng::words(2, "mask", 0).take(49).map(rng::unit).collect();
        let data = Data { plane: &plane, mask: &mask, side: 7 };
        let at = [2.7, 3.4, 1.2, 0.4, -1.1, -2.3];
        let residuals = |at| {
            let mut all = Vec::new();
            data.each(at, |residual, _| all.push(residual));
            all
        };
        let mut derivatives = Vec::new();
        data.each(at, |_, d| derivatives.push(d));
        for i in 0..6 {
            let moved = |step: f64| {
                let mut moved = at;
                moved[i] += step;
                residuals(moved)
            };
            for (pixel, (up, down)) in moved(1e-6).iter().zip(moved(-1e-6)).enumerate() {
                let quotient = -(up - down) / 2e-6;
                assert!((derivatives[pixel][i] - quotient).abs() < 1e-8, "{pixel} {i}");
            }
        }
    }

    #[test]
    fn noise_and_gratings_do_not_pass_the_gate() {
        let mask = [1.0; 144];
        for seed in 0..5 {
            let noise: Vec<f64> =
                rng::words(seed, "noise", 0).take(144).map(|word| rng::unit(word) - 0.5).collect();
            let found = fit(&noise, &mask, 12);
            assert!(!found.good, "{found:?}");
        }
        let grating: Vec<f64> = (0..144).map(|i| (f64::from(i % 12) * 1.5).cos()).collect();
        assert!(!fit(&grating, &mask, 12).good);
    }

    #[test]
    fn the_half_radius_of_a_gaussian_is_known() {
        let gaussian = DogFit {
            centre: [0.0; 2],
            height: 1.0,
            surround: 0.0,
            a: 0.2,
            b: 0.1,
            r2: 1.0,
            good: true,
        };
        assert!((gaussian.half_radius() - (2f64.ln() / 0.2).sqrt()).abs() < 1e-12);
        assert!(gaussian.zero_crossing().is_none());
    }
}
