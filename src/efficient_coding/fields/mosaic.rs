//! How a population tiles the patch.

use std::f64::consts::{PI, TAU};

use crate::lab::statistics::mean_and_sd;
use crate::lab::tensor::rng;

/// Centres that a mosaic has at least: with fewer, single pairs decide.
const MIN_CENTRES: usize = 8;

/// Row and column of a field, in pixels.
pub type Centre = [f64; 2];

/// A number beside what chance makes of it.
#[derive(Debug, Clone, Copy)]
pub struct ChanceComparison {
    /// The number of the population.
    pub value: f64,
    /// Mean over the shuffles.
    pub chance: f64,
    /// Standard deviation over the shuffles.
    pub chance_sd: f64,
    /// Share of the shuffles that are at least as large, the population itself counted among them.
    pub p_above: f64,
    /// Share of the shuffles that are at most as large, the population itself counted among them.
    pub p_below: f64,
}

/// How evenly centres are spread.
#[derive(Debug, Clone, Copy)]
pub struct Regularity {
    /// Number of centres.
    pub count: usize,
    /// Mean distance to the nearest other centre, in pixels.
    pub spacing: f64,
    /// Nearest-neighbour regularity index: mean over standard deviation of those distances, beside
    /// as many centres drawn evenly over the patch's disc.
    pub index: ChanceComparison,
}

/// The disc that centres are in: middle and radius, in pixels.
#[derive(Debug, Clone, Copy)]
pub struct Disc {
    /// Row and column of the middle.
    pub middle: f64,
    /// Its radius.
    pub radius: f64,
}

impl Disc {
    /// The disc of a patch of this side, to the outer edge of its pixels.
    pub fn of(kernel: i64) -> Self {
        Self { middle: (kernel as f64 - 1.0) / 2.0, radius: kernel as f64 / 2.0 }
    }
}

/// Distance from each centre to the nearest of `others` that is not itself.
fn nearest(centres: &[Centre], others: &[Centre]) -> Vec<f64> {
    let distance = |a: &Centre, b: &Centre| (a[0] - b[0]).hypot(a[1] - b[1]);
    let least = |centre: &Centre| {
        let apart = others.iter().filter(|other| !std::ptr::eq(*other, centre));
        apart.map(|other| distance(centre, other)).fold(f64::INFINITY, f64::min)
    };
    centres.iter().map(least).collect()
}

/// Compares a number with those of `shuffles` draws.
fn compare(value: f64, shuffles: u64, draw: impl FnMut(u64) -> f64) -> ChanceComparison {
    let all: Vec<f64> = (0..shuffles).map(draw).collect();
    let (chance, chance_sd) = mean_and_sd(&all);
    let share = |count: usize| (count + 1) as f64 / (all.len() + 1) as f64;
    ChanceComparison {
        value,
        chance,
        chance_sd,
        p_above: share(all.iter().filter(|other| **other >= value).count()),
        p_below: share(all.iter().filter(|other| **other <= value).count()),
    }
}

/// The regularity of a mosaic; none with fewer than eight centres.
pub fn regularity(centres: &[Centre], disc: Disc, shuffles: u64, seed: u64) -> Option<Regularity> {
    let index = |centres: &[Centre]| {
        let (mean, sd) = mean_and_sd(&nearest(centres, centres));
        (mean, mean / sd.max(1e-9))
    };
    if centres.len() < MIN_CENTRES {
        return None;
    }
    let (spacing, value) = index(centres);
    let chance = compare(value, shuffles, |shuffle| {
        let mut words = rng::words(seed, "mosaic", shuffle).map(rng::unit);
        let mut draw = || words.next().unwrap_or(0.0);
        let drawn: Vec<Centre> = centres
            .iter()
            .map(|_| {
                let (radius, angle) = (disc.radius * draw().sqrt(), TAU * draw());
                [disc.middle + radius * angle.cos(), disc.middle + radius * angle.sin()]
            })
            .collect();
        index(&drawn).1
    });
    Some(Regularity { count: centres.len(), spacing, index: chance })
}

/// Mean distance from each centre of one mosaic to the nearest of another, beside that with the
/// other mosaic turned about the patch's middle, mirrored or not: that keeps each mosaic as regular
/// as it is. Small is aligned, large is anti-aligned. None with fewer than eight centres in either.
pub fn alignment(
    one: &[Centre],
    other: &[Centre],
    disc: Disc,
    shuffles: u64,
    seed: u64,
) -> Option<ChanceComparison> {
    if one.len() < MIN_CENTRES || other.len() < MIN_CENTRES {
        return None;
    }
    let distance = |other: &[Centre]| {
        let both = [nearest(one, other), nearest(other, one)].concat();
        mean_and_sd(&both).0
    };
    Some(compare(distance(other), shuffles, |shuffle| {
        let mut words = rng::words(seed, "alignment", shuffle).map(rng::unit);
        let angle = TAU * words.next().unwrap_or(0.0);
        let mirror = if words.next().unwrap_or(0.0) < 0.5 { -1.0 } else { 1.0 };
        let turned: Vec<Centre> = other
            .iter()
            .map(|[y, x]| {
                let (y, x) = (y - disc.middle, mirror * (x - disc.middle));
                let (c, s) = (angle.cos(), angle.sin());
                [disc.middle + c * y - s * x, disc.middle + s * y + c * x]
            })
            .collect();
        distance(&turned)
    }))
}

/// How many fields cover a point of the disc, in the mean: the sum of π r² over the disc's area.
pub fn coverage(radii: impl IntoIterator<Item = f64>, disc: Disc) -> f64 {
    radii.into_iter().map(|radius| PI * radius * radius).sum::<f64>()
        / (PI * disc.radius * disc.radius)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DISC: Disc = Disc { middle: 8.5, radius: 9.0 };

    /// A hexagonal lattice within the disc, moved by `shift`.
    fn lattice(spacing: f64, shift: Centre) -> Vec<Centre> {
        let mut centres = Vec::new();
        for row in -12..=12 {
            for column in -12..=12 {
                let y = f64::from(row) * spacing * 0.75f64.sqrt() + shift[0];
                let x = (f64::from(column) + 0.5 * f64::from(row)) * spacing + shift[1];
                if y.hypot(x) < DISC.radius {
                    centres.push([DISC.middle + y, DISC.middle + x]);
                }
            }
        }
        centres
    }

    #[test]
    fn a_lattice_is_regular_and_random_centres_are_not() {
        let found = regularity(&lattice(3.0, [0.0; 2]), DISC, 200, 1).unwrap();
        assert!((found.spacing - 3.0).abs() < 1e-9 && found.index.value > 1e6, "{found:?}");
        assert!(found.index.p_above < 0.01);
        // The index of random centres in the plane is 1 / sqrt(4/pi - 1) = 1.91.
        assert!((found.index.chance - 1.91).abs() < 0.3, "{found:?}");
        let mut p = Vec::new();
        for trial in 0..20 {
            let mut words = rng::words(9, "random", trial).map(|w| rng::unit(w) - 0.5);
            let mut centre = || loop {
                let (y, x) = (words.next().unwrap() * 18.0, words.next().unwrap() * 18.0);
                if y.hypot(x) < 9.0 {
                    return [8.5 + y, 8.5 + x];
                }
            };
            let centres: Vec<Centre> = (0..30).map(|_| centre()).collect();
            p.push(regularity(&centres, DISC, 100, trial).unwrap().index.p_above);
        }
        let small = p.iter().filter(|p| **p < 0.05).count();
        assert!(small <= 4, "{p:?}");
        assert!(regularity(&lattice(20.0, [0.0; 2]), DISC, 10, 1).is_none());
    }

    #[test]
    fn alignment_tells_lattices_on_each_other_from_lattices_between_each_other() {
        let one = lattice(3.0, [0.0; 2]);
        let aligned = alignment(&one, &lattice(3.0, [0.05, 0.0]), DISC, 200, 1).unwrap();
        assert!(aligned.p_below < 0.02, "{aligned:?}");
        // The middles of the triangles are as far from the corners as can be.
        let between = lattice(3.0, [3.0 / 12f64.sqrt() * 2.0, 0.0]);
        let apart = alignment(&one, &between, DISC, 200, 1).unwrap();
        assert!(apart.p_above < 0.02 && apart.value > aligned.value + 1.0, "{apart:?}");
    }

    #[test]
    fn coverage_is_area_over_area() {
        assert!((coverage([3.0, 3.0, 4.5], DISC) - (1.0 + 1.0 + 2.25) / 9.0).abs() < 1e-12);
    }
}
