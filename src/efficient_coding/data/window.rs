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
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") {
            // SAFETY: the line above has found that this CPU has AVX2.
            return unsafe { self.products_avx2(one, other, dy, inputs, products) };
        }
        self.products_any(one, other, dy, inputs, products);
    }

    /// The same in wider registers. Nothing is fused, so that the bits are the same.
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2")]
    fn products_avx2(
        &self,
        one: Plane,
        other: Plane,
        dy: usize,
        inputs: usize,
        products: &mut [f64],
    ) {
        self.products_any(one, other, dy, inputs, products);
    }

    #[inline(always)]
    fn products_any(
        &self,
        one: Plane,
        other: Plane,
        dy: usize,
        inputs: usize,
        products: &mut [f64],
    ) {
        let (kernel, width) = (self.kernel, self.width);
        let (plane, partner) = (one.values, other.values);
        let share = 1.0 / (self.rows * self.columns) as f64;
        // Within one row, lags to the left are those to the right, mirrored.
        let least = if dy == 0 { 0 } else { 1 - kernel as isize };
        let lags: Vec<isize> = (least..kernel as isize).collect();
        let mut sums = vec![0.0; lags.len() * width];
        let rows = |y: usize| [&plane[y * width..][..width], &partner[(y + dy) * width..][..width]];
        for y in 0..self.rows {
            add_row(rows(y), &lags, 1.0, &mut sums);
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
                add_row(rows(top + self.rows), &lags, 1.0, &mut sums);
                add_row(rows(top), &lags, -1.0, &mut sums);
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

/// Adds the products of a row and another one, times a sign, at every lag.
///
/// - lags: columns that the other row's pixel is further right
/// - sums: by the column of the first, `[lag * width]`
#[inline(always)]
fn add_row([one, other]: [&[f32]; 2], lags: &[isize], sign: f64, sums: &mut [f64]) {
    let here: Vec<f64> = one.iter().map(|v| sign * f64::from(*v)).collect();
    let there: Vec<f64> = other.iter().map(|v| f64::from(*v)).collect();
    for (dx, sums) in lags.iter().zip(sums.chunks_exact_mut(one.len())) {
        let (from, shift) = ((-dx).max(0) as usize, (*dx).max(0) as usize);
        let products = here[from..].iter().zip(&there[shift..]);
        add(&mut sums[from..], products.map(|(x, y)| x * y));
    }
}

#[inline(always)]
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
    fn the_bits_are_those_of_narrow_registers() {
        let values: Vec<f32> = rng::words(3, "image", 0)
            .take(40 * 50)
            .map(|word| rng::unit(word) as f32 - 0.5)
            .collect();
        let window = Window { kernel: 5, rows: 36, columns: 46, width: 50 };
        let plane = Plane { colour: 0, values: &values };
        let (mut wide, mut narrow) = (vec![0.0; 625], vec![0.0; 625]);
        for dy in 0..5 {
            window.products(plane, plane, dy, 25, &mut wide);
            window.products_any(plane, plane, dy, 25, &mut narrow);
        }
        assert!(wide.iter().zip(&narrow).all(|(a, b)| a.to_bits() == b.to_bits()));
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
