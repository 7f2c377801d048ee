//! Dead leaves: discs of all sizes that hide one another, as objects in a scene do.

use anyhow::Result;
use serde_json::json;
use tch::{Kind, Tensor};

use super::colour;
use super::images::Images;
use super::patch::PatchShape;
use super::split::{SplitImages, held_out_beside};
use super::window::Planes;
use crate::lab::tensor::{rng, to_host};

/// Radius of the smallest leaf, in pixels; that of the largest is a quarter of the image.
const SMALLEST: f64 = 1.5;
/// Leaves that are drawn at once.
const BATCH: i64 = 1024;

/// Patches of `count` images of `size` x `size` pixels, drawn from the seed, to learn from; the
/// images that are drawn next, a quarter as many and at least one, are held out.
///
/// Radii have the density r^-3, whose picture looks alike at every scale (Lee, Mumford and
/// Huang 2001); a leaf's colours are Gaussian, correlated as [`colour::CORRELATIONS`].
///
/// # Errors
/// As [`Images::new`].
pub fn open(shape: PatchShape, count: i64, size: i64, seed: u64) -> Result<Images> {
    let held_out = held_out_beside(count);
    let drawn = |indices: std::ops::Range<i64>| {
        let images = indices.map(|i| image(shape.colours, size as usize, seed, i as u64));
        images.collect::<Result<Vec<Planes>>>()
    };
    let images =
        SplitImages { training: drawn(0..count)?, held_out: drawn(count..count + held_out)? };
    let source = json!({
        "name": "dead-leaves",
        "images": count,
        "held_out_images": held_out,
        "image_size": size,
        "seed": seed,
    });
    Images::new(shape, images, source)
}

/// One image, on a torus: leaves are laid from the top of the heap downwards, each showing where
/// none above it lies.
fn image(colours: i64, size: usize, seed: u64, index: u64) -> Result<Planes> {
    rng::seed_torch(seed, "dead-leaves", index);
    let root = colour::root(colours)?;
    let mut planes = vec![vec![0.0f32; size * size]; colours as usize];
    let mut bare = vec![true; size * size];
    let mut left = bare.len();
    let largest = (size as f64 / 4.0).max(2.0 * SMALLEST);
    while left > 0 {
        let options = (Kind::Double, tch::Device::Cpu);
        let places = to_host::values(&Tensor::rand([BATCH, 3], options))?;
        let paints = Tensor::randn([BATCH, colours], options).matmul(&root.tr());
        let paints = to_host::values_f32(&paints)?;
        for (place, paint) in places.chunks_exact(3).zip(paints.chunks_exact(colours as usize)) {
            // The inverse of the distribution function of the density r^-3.
            let (small, large) = (SMALLEST.powi(-2), largest.powi(-2));
            let radius = (small - place[2] * (small - large)).powf(-0.5);
            let (y, x) = (place[0] * size as f64, place[1] * size as f64);
            for pixel in disc(y, x, radius, size) {
                if std::mem::take(&mut bare[pixel]) {
                    left -= 1;
                    planes.iter_mut().zip(paint).for_each(|(plane, paint)| plane[pixel] = *paint);
                }
            }
        }
    }
    let name = format!("dead leaves {index}");
    Ok(Planes { name, height: size, width: size, colours: planes })
}

/// The pixels of a disc of this radius around row `y` and column `x`, on a torus.
fn disc(y: f64, x: f64, radius: f64, size: usize) -> impl Iterator<Item = usize> {
    let wrap = move |i: i64| i.rem_euclid(size as i64) as usize;
    let (top, bottom) = ((y - radius).ceil() as i64, (y + radius).floor() as i64);
    (top..=bottom).flat_map(move |row| {
        let half = (radius * radius - (row as f64 - y).powi(2)).max(0.0).sqrt();
        let (left, right) = ((x - half).ceil() as i64, (x + half).floor() as i64);
        (left..=right).map(move |column| wrap(row) * size + wrap(column))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::efficient_coding::data::{PatchSource, Purpose};

    #[test]
    fn leaves_cover_the_image_and_repeat() {
        tch::set_num_threads(1);
        let one = image(3, 48, 5, 0).unwrap();
        assert_eq!(one.colours, image(3, 48, 5, 0).unwrap().colours);
        assert_ne!(one.colours, image(3, 48, 6, 0).unwrap().colours);
        assert!(one.colours.iter().flatten().all(|v| *v != 0.0));
        // Leaves are larger than pixels: most neighbours are of one leaf.
        let plane = &one.colours[0];
        let same = (1..48 * 48).filter(|i| plane[*i] == plane[i - 1]).count();
        assert!(same > 48 * 48 / 2, "{same}");
    }

    #[test]
    fn patches_are_heavier_in_their_tails_than_gaussian_ones() {
        tch::set_num_threads(1);
        let shape = PatchShape { kernel: 2, colours: 1, masked: false };
        let source = open(shape, 4, 64, 0).unwrap();
        let x = source.patches(Purpose::Training, 20_000, 0, "patches", 0).unwrap();
        let step = x.select(1, 0) - x.select(1, 1);
        let square = step.square().mean(Kind::Double);
        let fourth = step.pow_tensor_scalar(4).mean(Kind::Double);
        let kurtosis = (fourth / square.square()).double_value(&[]);
        assert!(kurtosis > 5.0, "{kurtosis}");
    }
}
