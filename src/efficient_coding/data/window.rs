//! Exact moments of all patches of an image, without cutting a single one.

use tch::Tensor;

/// Colour planes of one image.
#[derive(Debug, Clone)]
pub struct Planes {
    /// What errors and descriptions call the image.
    pub name: String,
    /// Its rows.
    pub height: usize,
    /// Its columns.
    pub width: usize,
    /// Values: `[colour][row * width + column]`.
    pub colours: Vec<Vec<f32>>,
}

/// Means over all positions of a window of `kernel` x `kernel` pixels, every position alike.
///
/// Inputs are colour-major, each colour row-major, as in a patch. The window has
/// (height − kernel + 1)(width − kernel + 1) positions.
#[derive(Debug, Clone)]
pub struct Moments {
    /// Mean of every input: `[input]`.
    pub mean: Vec<f64>,
    /// Mean of every product of two inputs: `[input * input]`, symmetric.
    pub second: Vec<f64>,
}

/// The moments of an image at least as large as the window.
///
/// Two inputs of a patch that are (dy, dx) apart are, over all positions, the image and itself
/// shifted by (dy, dx) under a sliding window. So each lag needs one pass over the image, and each
/// of the window's offsets one row and one column more.
pub fn moments(image: &Planes, kernel: usize) -> Moments {
    let inputs = image.colours.len() * kernel * kernel;
    let mut found = Moments { mean: vec![0.0; inputs], second: vec![0.0; inputs * inputs] };
    let window = Window {
        kernel,
        rows: image.height + 1 - kernel,
        columns: image.width + 1 - kernel,
        width: image.width,
    };
    let planes = image.colours.iter().enumerate();
    let planes: Vec<Plane> = planes.map(|(colour, values)| Plane { colour, values }).collect();
    for one in &planes {
        let first = one.colour * kernel * kernel;
        window.means(one.values, &mut found.mean[first..][..kernel * kernel]);
        for other in &planes {
            for dy in 0..kernel {
                window.products(*one, *other, dy, inputs, &mut found.second);
            }
        }
    }
    found
}

/// The values of one colour of an image.
#[derive(Clone, Copy)]
struct Plane<'a> {
    colour: usize,
    /// `[row * width + column]`.
    values: &'a [f32],
}

/// A window and its positions.
struct Window {
    kernel: usize,
    /// Positions from top to bottom.
    rows: usize,
    /// Positions from left to right.
    columns: usize,
    /// Columns of the image.
    width: usize,
}

impl Window {
    /// Writes the means of the inputs of one plane.
    ///
    /// - mean: `[kernel * kernel]`
    fn means(&self, plane: &[f32], mean: &mut [f64]) {
        let share = 1.0 / (self.rows * self.columns) as f64;
        let row = |y: usize| &plane[y * self.width..(y + 1) * self.width];
        let mut sums = vec![0.0; self.width];
        for y in 0..self.rows {
            add(&mut sums, row(y).iter().map(|v| f64::from(*v)));
        }
        for top in 0..self.kernel {
            for (left, sum) in self.slide(&sums, 0, self.kernel) {
                mean[top * self.kernel + left] = share * sum;
            }
            if top + 1 < self.kernel {
                let change = row(top + self.rows).iter().zip(row(top));
                add(&mut sums, change.map(|(new, old)| f64::from(*new) - f64::from(*old)));
            }
        }
    }

    /// Writes the mean products of the inputs (colour a, row r, column c) and (colour b, row r + dy,
    /// any column) to both of their places.
    ///
    /// - inputs: rows of `products`
    /// - products: `[input * input]`
    fn products(&self, one: Plane, other: Plane, dy: usize, inputs: usize, products: &mut [f64]) {
        let (kernel, width) = (self.kernel, self.width);
        let (plane, partner) = (one.values, other.values);
        let share = 1.0 / (self.rows * self.columns) as f64;
        // Within one row, lags to the left are those to the right, mirrored.
        let least = if dy == 0 { 0 } else { 1 - kernel as isize };
        let lags: Vec<isize> = (least..kernel as isize).collect();
        let mut sums = vec![0.0; lags.len() * width];
        let add_row = |y: usize, sums: &mut [f64], sign: f64| {
            let here: Vec<f64> =
                plane[y * width..][..width].iter().map(|v| sign * f64::from(*v)).collect();
            let there: Vec<f64> =
                partner[(y + dy) * width..][..width].iter().map(|v| f64::from(*v)).collect();
            for (dx, sums) in lags.iter().zip(sums.chunks_exact_mut(width)) {
                let (from, shift) = ((-dx).max(0) as usize, (*dx).max(0) as usize);
                let products = here[from..].iter().zip(&there[shift..]);
                add(&mut sums[from..], products.map(|(x, y)| x * y));
            }
        };
        for y in 0..self.rows {
            add_row(y, &mut sums, 1.0);
        }
        for top in 0..kernel - dy {
            for (dx, sums) in lags.iter().zip(sums.chunks_exact(width)) {
                let (from, to) = ((-dx).max(0) as usize, kernel - (*dx).max(0) as usize);
                for (left, sum) in self.slide(sums, from, to) {
                    let one_input = (one.colour * kernel + top) * kernel + left;
                    let column = (left as isize + dx) as usize;
                    let other_input = (other.colour * kernel + top + dy) * kernel + column;
                    products[one_input * inputs + other_input] = share * sum;
                    products[other_input * inputs + one_input] = share * sum;
                }
            }
            if top + 1 < kernel - dy {
                add_row(top + self.rows, &mut sums, 1.0);
                add_row(top, &mut sums, -1.0);
            }
        }
    }

    /// Sums of `columns` neighbouring values that begin at each of `from..to`.
    fn slide(&self, sums: &[f64], from: usize, to: usize) -> impl Iterator<Item = (usize, f64)> {
        let columns = self.columns;
        let first: f64 = sums[from..from + columns].iter().sum();
        (from..to).scan(first, move |sum, left| {
            let now = *sum;
            if left + 1 < to {
                *sum += sums[left + columns] - sums[left];
            }
            Some((left, now))
        })
    }
}

fn add(sums: &mut [f64], values: impl Iterator<Item = f64>) {
    sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
}

impl Moments {
    /// The moments of an ensemble whose images are drawn alike.
    pub fn mean_of(all: &[Moments]) -> Moments {
        let share = 1.0 / all.len() as f64;
        let mut mean =
            Moments { mean: vec![0.0; all[0].mean.len()], second: vec![0.0; all[0].second.len()] };
        for one in all {
            add(&mut mean.mean, one.mean.iter().map(|v| share * v));
            add(&mut mean.second, one.second.iter().map(|v| share * v));
        }
        mean
    }

    /// The covariance: `[input, input]` f64.
    pub fn covariance(&self) -> Tensor {
        let inputs = self.mean.len() as i64;
        let mean = Tensor::from_slice(&self.mean);
        Tensor::from_slice(&self.second).view([inputs, inputs]) - mean.outer(&mean)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::tensor::rng;

    /// Cuts and multiplies every patch.
    fn brute(image: &Planes, kernel: usize) -> Moments {
        let inputs = image.colours.len() * kernel * kernel;
        let mut sums = Moments { mean: vec![0.0; inputs], second: vec![0.0; inputs * inputs] };
        let (rows, columns) = (image.height + 1 - kernel, image.width + 1 - kernel);
        for (y, x) in (0..rows).flat_map(|y| (0..columns).map(move |x| (y, x))) {
            let mut patch = Vec::new();
            for plane in &image.colours {
                for r in 0..kernel {
                    let row = &plane[(y + r) * image.width + x..][..kernel];
                    patch.extend(row.iter().map(|v| f64::from(*v)));
                }
            }
            for (i, one) in patch.iter().enumerate() {
                sums.mean[i] += one / (rows * columns) as f64;
                for (j, two) in patch.iter().enumerate() {
                    sums.second[i * inputs + j] += one * two / (rows * columns) as f64;
                }
            }
        }
        sums
    }

    #[test]
    fn the_moments_are_those_of_all_patches() {
        for (height, width, kernel, colours) in
            [(9, 7, 3, 3), (6, 11, 4, 1), (5, 5, 5, 2), (4, 3, 1, 2)]
        {
            let plane = |c: u64| -> Vec<f32> {
                let words = rng::words(1, "image", c).take(height * width);
                words.map(|word| rng::unit(word) as f32).collect()
            };
            let colours = (0..colours).map(plane).collect();
            let image = Planes { name: "noise".into(), height, width, colours };
            let (fast, slow) = (moments(&image, kernel), brute(&image, kernel));
            for (fast, slow) in [(fast.mean, slow.mean), (fast.second, slow.second)] {
                assert_eq!(fast.len(), slow.len());
                let pairs = fast.iter().zip(&slow);
                let error = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
                assert!(error < 1e-13, "{height} x {width}, kernel {kernel}: {error}");
            }
        }
    }
}
