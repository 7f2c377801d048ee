//! What one receptive field is: its sign, place, size, profile and spectrum.

use std::f64::consts::TAU;

use super::fit::{DogFit, fit};
use crate::efficient_coding::data::PatchShape;

/// A receptive field. Lengths are in pixels, (row, column) from the middle of the first pixel.
#[derive(Debug, Clone)]
pub struct ReceptiveField {
    /// Whether its extreme is positive.
    pub on: bool,
    /// Centre of mass of the squared weights of all colours.
    pub centre: [f64; 2],
    /// Root of the mean squared distance of that mass from the centre.
    pub spread: f64,
    /// The colour plane that holds most of the squared weights; what follows is of that plane.
    pub colour: usize,
    /// Every colour's share along that plane, its own being 1: `[colour]`.
    pub colour_weights: Vec<f64>,
    /// Mean weight at each whole distance from the centre, the field's sign taken out; the largest
    /// is 1: `[radius]`.
    pub profile: Vec<f64>,
    /// Where the profile first falls to half of its value at the centre.
    pub half_radius: Option<f64>,
    /// Where the profile first becomes negative.
    pub zero_crossing: Option<f64>,
    /// Sum of the weights of the other sign over that of its own.
    pub surround: f64,
    /// Mean spatial frequency of the power spectrum, in cycles per pixel.
    pub spectral_centroid: f64,
    /// The difference of Gaussians that is closest.
    pub fit: DogFit,
}

impl ReceptiveField {
    /// Measures a filter as an image sees it, through the mask of the patch.
    ///
    /// - weights: colour-major, each colour row-major, `[input]`
    /// - mask: `[input]`
    pub fn of(weights: &[f64], mask: &[f64], patch: PatchShape) -> Self {
        let side = patch.kernel as usize;
        let seen: Vec<f64> = weights.iter().zip(mask).map(|(w, m)| w * m).collect();
        let planes: Vec<&[f64]> = seen.chunks_exact(side * side).collect();
        let energy = |plane: &[f64]| plane.iter().map(|w| w * w).sum::<f64>();
        let (mut colour, mut most) = (0, -1.0);
        for (i, plane) in planes.iter().enumerate() {
            if energy(plane) > most {
                (colour, most) = (i, energy(plane));
            }
        }
        let plane = planes[colour];
        let on = extreme(plane) >= 0.0;
        let upright: Vec<f64> = plane.iter().map(|w| if on { *w } else { -w }).collect();
        let along = |other: &&[f64]| other.iter().zip(plane).map(|(a, b)| a * b).sum::<f64>();
        let (centre, spread) = mass(&planes, side);
        let fit = fit(&upright, &mask[..side * side], side);
        // Rings around the fitted centre are the sharper ones, where it can be trusted.
        let profile = radial_profile(&upright, side, if fit.good { fit.centre } else { centre });
        let share = |sign: f64| upright.iter().map(|w| (sign * w).max(0.0)).sum::<f64>();
        Self {
            on,
            centre: if fit.good { fit.centre } else { centre },
            spread,
            colour,
            colour_weights: planes.iter().map(|p| along(p) / most.max(f64::MIN_POSITIVE)).collect(),
            half_radius: crossing(&profile, 0.5 * profile[0]),
            zero_crossing: crossing(&profile, 0.0),
            profile,
            surround: share(-1.0) / share(1.0).max(f64::MIN_POSITIVE),
            spectral_centroid: spectral_centroid(plane, side),
            fit,
        }
    }
}

/// The value of the largest magnitude.
fn extreme(plane: &[f64]) -> f64 {
    plane.iter().copied().fold(0.0, |most: f64, w| if w.abs() > most.abs() { w } else { most })
}

/// Centre of mass of the squared weights, and the root of their mean squared distance from it.
fn mass(planes: &[&[f64]], side: usize) -> ([f64; 2], f64) {
    let mut sums = [0.0; 4];
    for (i, w) in planes.iter().flat_map(|plane| plane.iter().enumerate()) {
        let (y, x, m) = ((i / side) as f64, (i % side) as f64, w * w);
        for (sum, value) in sums.iter_mut().zip([1.0, y, x, y * y + x * x]) {
            *sum += m * value;
        }
    }
    let [total, y, x, squares] = sums;
    let total = total.max(f64::MIN_POSITIVE);
    let centre = [y / total, x / total];
    let variance = squares / total - centre[0].powi(2) - centre[1].powi(2);
    (centre, variance.max(0.0).sqrt())
}

/// Means at the distances 0, 1, ... half the patch: a pixel counts towards the two whole distances
/// that it is between, the more the nearer. The largest magnitude becomes 1.
pub fn radial_profile(plane: &[f64], side: usize, centre: [f64; 2]) -> Vec<f64> {
    let rings = side / 2 + 1;
    let (mut sums, mut shares) = (vec![0.0; rings + 1], vec![0.0; rings + 1]);
    for (i, w) in plane.iter().enumerate() {
        let (y, x) = ((i / side) as f64 - centre[0], (i % side) as f64 - centre[1]);
        let distance = y.hypot(x);
        let (ring, beyond) = (distance.floor() as usize, distance.fract());
        if ring < rings {
            for (ring, share) in [(ring, 1.0 - beyond), (ring + 1, beyond)] {
                sums[ring] += share * w;
                shares[ring] += share;
            }
        }
    }
    let mean = |(sum, share): (&f64, &f64)| if *share > 0.0 { sum / share } else { 0.0 };
    let profile: Vec<f64> = sums.iter().zip(&shares).take(rings).map(mean).collect();
    let largest = extreme(&profile).abs().max(f64::MIN_POSITIVE);
    profile.iter().map(|value| value / largest).collect()
}

/// The first distance at which the profile falls below `level`, between whole ones by a line.
fn crossing(profile: &[f64], level: f64) -> Option<f64> {
    let after = (1..profile.len()).find(|r| profile[r - 1] >= level && profile[*r] < level)?;
    let (before, at) = (profile[after - 1], profile[after]);
    Some(after as f64 - 1.0 + (before - level) / (before - at))
}

/// Mean of |f| over the power of the discrete Fourier transform, in cycles per pixel.
fn spectral_centroid(plane: &[f64], side: usize) -> f64 {
    let rows: Vec<Vec<(f64, f64)>> = plane
        .chunks_exact(side)
        .map(|row| transform(&row.iter().map(|w| (*w, 0.0)).collect::<Vec<_>>()))
        .collect();
    let frequency = |i: usize| i.min(side - i) as f64 / side as f64;
    let (mut power, mut moment) = (0.0, 0.0);
    for column in 0..side {
        let values: Vec<(f64, f64)> = rows.iter().map(|row| row[column]).collect();
        for (row, (re, im)) in transform(&values).into_iter().enumerate() {
            let here = re * re + im * im;
            power += here;
            moment += here * frequency(row).hypot(frequency(column));
        }
    }
    moment / power.max(f64::MIN_POSITIVE)
}

/// The discrete Fourier transform of a few complex numbers.
fn transform(values: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let count = values.len();
    let turn = |i: usize| {
        let angle = -TAU * (i % count) as f64 / count as f64;
        (angle.cos(), angle.sin())
    };
    let wave: Vec<(f64, f64)> = (0..count).map(turn).collect();
    let at = |k: usize| {
        let terms = values.iter().enumerate().map(|(i, (re, im))| {
            let (c, s) = wave[i * k % count];
            (re * c - im * s, re * s + im * c)
        });
        terms.fold((0.0, 0.0), |sum, term| (sum.0 + term.0, sum.1 + term.1))
    };
    (0..count).map(at).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATCH: PatchShape = PatchShape { kernel: 18, colours: 1, masked: false };

    fn dog(centre: [f64; 2], a: f64, b: f64, c: f64) -> Vec<f64> {
        let value = |i: usize| {
            let (y, x) = ((i / 18) as f64 - centre[0], (i % 18) as f64 - centre[1]);
            let s = y * y + x * x;
            (-a * s).exp() - c * (-b * s).exp()
        };
        (0..324).map(value).collect()
    }

    #[test]
    fn a_difference_of_gaussians_is_recognised_with_its_sign_and_radii() {
        let (a, b, c) = (0.3, 0.08, 0.4);
        for sign in [1.0, -1.0] {
            let weights: Vec<f64> = dog([7.3, 9.8], a, b, c).iter().map(|w| sign * w).collect();
            let field = ReceptiveField::of(&weights, &[1.0; 324], PATCH);
            assert_eq!(field.on, sign > 0.0);
            assert!(field.fit.good && field.fit.r2 > 1.0 - 1e-9, "{:?}", field.fit);
            for (found, expected) in field.centre.iter().zip([7.3, 9.8]) {
                assert!((found - expected).abs() < 1e-4, "{:?}", field.centre);
            }
            let crossing = ((1.0 / c).ln() / (a - b)).sqrt();
            assert!((field.fit.zero_crossing().unwrap() - crossing).abs() < 1e-3);
            assert!((field.zero_crossing.unwrap() - crossing).abs() < 0.25, "{field:?}");
            let half = field.half_radius.unwrap();
            // 0.5 (1 - c) = exp(-a s) - c exp(-b s) at s = 1.81.
            assert!((half - 1.81f64.sqrt()).abs() < 0.25, "{half}");
        }
    }

    #[test]
    fn a_pixel_has_no_spread_and_white_spectrum() {
        let mut weights = vec![0.0; 324];
        weights[18 * 5 + 11] = -2.0;
        let field = ReceptiveField::of(&weights, &[1.0; 324], PATCH);
        assert!(!field.on && field.spread < 1e-6 && field.surround == 0.0);
        let frequency = |i: i32| f64::from(i.min(18 - i)) / 18.0;
        let mean: f64 = (0..324).map(|i| frequency(i / 18).hypot(frequency(i % 18))).sum();
        assert!((field.spectral_centroid - mean / 324.0).abs() < 1e-12);
    }

    #[test]
    fn a_grating_has_its_own_frequency() {
        let wave = |i: usize| (TAU * 3.0 * (i / 18) as f64 / 18.0).cos();
        let weights: Vec<f64> = (0..324).map(wave).collect();
        let field = ReceptiveField::of(&weights, &[1.0; 324], PATCH);
        assert!((field.spectral_centroid - 3.0 / 18.0).abs() < 1e-12);
        assert!(!field.fit.good, "{:?}", field.fit);
    }

    #[test]
    fn opponent_colours_are_told_apart() {
        let spot = dog([8.0, 8.0], 0.3, 0.1, 0.3);
        let weights: Vec<f64> =
            [0.5, -1.0, 0.0].iter().flat_map(|d| spot.iter().map(move |w| d * w)).collect();
        let patch = PatchShape { colours: 3, ..PATCH };
        let field = ReceptiveField::of(&weights, &[1.0; 972], patch);
        assert_eq!((field.colour, field.on), (1, false));
        for (found, expected) in field.colour_weights.iter().zip([-0.5, 1.0, 0.0]) {
            assert!((found - expected).abs() < 1e-12, "{:?}", field.colour_weights);
        }
    }
}
