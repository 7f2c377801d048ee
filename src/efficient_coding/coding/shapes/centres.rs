//! Where the centres of filters with a shape are, and what the filters share.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use tch::Tensor;

/// How the centres of filters with a shape come about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Centres {
    /// They begin in the middle half of the patch, and learn
    #[default]
    Learnt,
    /// They stand still on a hexagonal lattice over the patch's disc
    Hexagonal,
}

/// What the filters of a shape share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShapeOptions {
    /// How the centres come about.
    pub centres: Centres,
    /// Mosaics of the same centres, one upon another; the number of neurons is a multiple of it.
    pub mosaics: i64,
    /// Whether all neurons have the parameters of one shape, with a sign of their own.
    pub shared: bool,
}

impl Default for ShapeOptions {
    fn default() -> Self {
        Self { centres: Centres::Learnt, mosaics: 1, shared: false }
    }
}

impl ShapeOptions {
    /// Neurons of one mosaic.
    fn of_mosaic(&self, neurons: i64) -> i64 {
        (neurons / self.mosaics).max(1)
    }

    /// The signs of filters that share a shape: -1 and 1 in turns, from mosaic to mosaic where there
    /// are several and else from neuron to neuron, as the polarities of the authors' earlier program:
    /// `[neuron]`.
    ///
    /// - like: a tensor of the kind and the device
    pub fn signs(&self, neurons: i64, like: &Tensor) -> Tensor {
        let of_mosaic = self.of_mosaic(neurons);
        let sign = |neuron: i64| {
            let turn = if self.mosaics > 1 { neuron / of_mosaic } else { neuron };
            if turn % 2 == 0 { -1.0 } else { 1.0 }
        };
        let signs: Vec<f64> = (0..neurons).map(sign).collect();
        Tensor::from_slice(&signs).to_kind(like.kind()).to_device(like.device())
    }

    /// Row and column of centres on the lattice, in pixels, those of one mosaic after another:
    /// `[neuron, 2]` f64.
    pub fn hexagonal(&self, neurons: i64, side: i64) -> Tensor {
        let one = lattice(self.of_mosaic(neurons), side);
        let places = (0..neurons as usize).flat_map(|neuron| one[neuron % one.len()]);
        Tensor::from_slice(&places.collect::<Vec<f64>>()).view([neurons, 2])
    }
}

/// The `count` points of a hexagonal lattice that are the nearest to the middle of a patch, the upper
/// and then the left of two that are as near. Its spacing is that at which so many cells have the
/// area of the patch's disc, or less where a centre would be outside it.
fn lattice(count: i64, side: i64) -> Vec<[f64; 2]> {
    // Row i, column j lies at (sqrt(3)/2 i, j + the half of i being odd), in spacings. Four times the
    // square of its distance is a whole number, so that ties are ties.
    let reach = (count as f64).sqrt().ceil() as i64 + 2;
    let mut points: Vec<(i64, i64, i64)> = (-reach..=reach)
        .flat_map(|row| (-reach..=reach).map(move |column| (row, 2 * column + row.rem_euclid(2))))
        .map(|(row, twice)| (3 * row * row + twice * twice, row, twice))
        .collect();
    points.sort_unstable();
    points.truncate(count as usize);
    let farthest = points.last().map_or(0, |(square, ..)| *square) as f64;
    let (radius, middle) = (side as f64 / 2.0, (side - 1) as f64 / 2.0);
    let by_area = radius * (2.0 * std::f64::consts::PI / (3.0f64.sqrt() * count as f64)).sqrt();
    let spacing = by_area.min(middle / (farthest.sqrt() / 2.0));
    let place = |(_, row, twice): (i64, i64, i64)| {
        [3.0f64.sqrt() / 2.0 * row as f64, twice as f64 / 2.0].map(|at| middle + spacing * at)
    };
    points.into_iter().map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn distance(a: &[f64; 2], b: &[f64; 2]) -> f64 {
        (a[0] - b[0]).hypot(a[1] - b[1])
    }

    #[test]
    fn a_lattice_has_so_many_points_of_one_spacing_within_the_disc() {
        for count in [1, 2, 3, 7, 30, 50, 100, 150, 300] {
            let points = lattice(count, 18);
            assert_eq!(points.len() as i64, count);
            let middle = [8.5, 8.5];
            assert!(points.iter().all(|point| distance(point, &middle) < 8.5 + 1e-9), "{count}");
            let nearest = |i: usize| {
                let others = (0..points.len()).filter(|j| *j != i);
                others.map(|j| distance(&points[i], &points[j])).fold(f64::MAX, f64::min)
            };
            let spacing = nearest(0);
            for i in 1..points.len() {
                assert!((nearest(i) - spacing).abs() < 1e-9, "{count} {i}");
            }
            // Most points have six neighbours.
            if count >= 50 {
                let near = |i: usize| {
                    let close = points.iter().filter(|p| distance(p, &points[i]) < 1.01 * spacing);
                    close.count() - 1
                };
                let inner = (0..points.len()).filter(|i| near(*i) == 6).count();
                assert!(inner as f64 > 0.4 * count as f64, "{count}: {inner}");
            }
        }
        // The middle and a whole ring of six.
        let seven = lattice(7, 9);
        assert_eq!(seven[0], [4.0, 4.0]);
        let radius = 4.5 * (2.0 * std::f64::consts::PI / (3.0f64.sqrt() * 7.0)).sqrt();
        assert!(seven[1..].iter().all(|p| (distance(p, &seven[0]) - radius).abs() < 1e-9));
    }

    #[test]
    fn mosaics_have_the_same_centres_and_signs_in_turns() {
        let like = Tensor::from_slice(&[0.0]);
        let signs =
            |options: ShapeOptions| -> Vec<f64> { Vec::try_from(options.signs(6, &like)).unwrap() };
        let one = ShapeOptions { centres: Centres::Hexagonal, ..ShapeOptions::default() };
        assert_eq!(signs(one), [-1.0, 1.0, -1.0, 1.0, -1.0, 1.0]);
        let two = ShapeOptions { mosaics: 2, ..one };
        assert_eq!(signs(two), [-1.0, -1.0, -1.0, 1.0, 1.0, 1.0]);
        let places = two.hexagonal(6, 9);
        assert_eq!(places.size(), [6, 2]);
        assert_eq!(places.narrow(0, 0, 3), places.narrow(0, 3, 3));
    }
}
