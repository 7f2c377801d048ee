//! Patches of images that are held in memory.

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use tch::Tensor;

use super::parallel::in_parallel;
use super::patch::PatchShape;
use super::source::{PatchSource, Purpose};
use super::split::SplitImages;
use super::window::{Moments, Planes, moments};
use crate::lab::error::refuse;
use crate::lab::tensor::{rng, to_host};

/// The share of an image's mean square that its variance has at least.
const LEAST_CONTRAST: f64 = 1e-12;

/// Patches at random places of images: each image alike, each position in it alike.
pub struct Images {
    shape: PatchShape,
    images: SplitImages,
    /// Mean of every input over all patches to learn from, before the mask: `[input]`.
    mean: Vec<f32>,
    /// The mask of a patch: `[input]`.
    mask: Vec<f32>,
    /// The covariance of all patches to learn from, under the mask: `[input, input]` f64.
    covariance: Tensor,
    source: Value,
}

impl Images {
    /// Standardises the images and computes the moments of all patches of those to learn from.
    ///
    /// Every image gets mean 0 and variance 1, over all its colours together. The mean that is taken
    /// from a held-out patch is that of the patches to learn from: of held-out images nothing is
    /// used but their own mean and variance.
    ///
    /// - source: what the images are; the covariance's origin is added to it
    ///
    /// # Errors
    /// Exit code 2 for a patch larger than an image; exit code 1 where there is no image to learn from, or
    /// none held out, or one has no contrast.
    pub fn new(shape: PatchShape, mut images: SplitImages, mut source: Value) -> Result<Self> {
        let kernel = shape.kernel as usize;
        ensure!(!images.training.is_empty(), "no image to cut patches from");
        ensure!(!images.held_out.is_empty(), "no image to hold out");
        for image in images.training.iter_mut().chain(&mut images.held_out) {
            if image.height < kernel || image.width < kernel {
                return Err(refuse(format!(
                    "--kernel-size {kernel}: {} has only {} x {} pixels",
                    image.name, image.width, image.height
                )));
            }
            standardise(image)?;
        }
        let each = in_parallel(&images.training, |image| moments(image, kernel));
        let moments = Moments::mean_of(&each);
        let mask = shape.mask();
        let positions: usize = images
            .training
            .iter()
            .map(|image| (image.height + 1 - kernel) * (image.width + 1 - kernel))
            .sum();
        source["covariance"] = json!(format!(
            "exact: all {positions} patches of the {} images to learn from, every image of the same weight",
            images.training.len()
        ));
        Ok(Self {
            covariance: moments.covariance() * mask.outer(&mask),
            mask: to_host::values_f32(&mask)?,
            mean: moments.mean.iter().map(|mean| *mean as f32).collect(),
            shape,
            images,
            source,
        })
    }

    /// Appends the patch of `image` at `row`, `column` to `patch`: less its mean, under the mask.
    fn cut(&self, image: &Planes, row: usize, column: usize, patch: &mut Vec<f32>) {
        let kernel = self.shape.kernel as usize;
        let begin = patch.len();
        for plane in &image.colours {
            for r in row..row + kernel {
                patch.extend_from_slice(&plane[r * image.width + column..][..kernel]);
            }
        }
        let values = patch[begin..].iter_mut();
        for (value, (mean, mask)) in values.zip(self.mean.iter().zip(&self.mask)) {
            *value = (*value - mean) * mask;
        }
    }
}

impl PatchSource for Images {
    fn covariance(&self) -> Result<Tensor> {
        Ok(self.covariance.copy())
    }

    fn patches(
        &self,
        purpose: Purpose,
        count: i64,
        seed: u64,
        stream: &str,
        t: u64,
    ) -> Result<Tensor> {
        let (kernel, inputs) = (self.shape.kernel as usize, self.shape.inputs());
        let images = self.images.of(purpose);
        let mut words = rng::words(seed, stream, t);
        let mut below = |n: usize| {
            let share = words.next().map_or(0.0, rng::unit);
            ((share * n as f64) as usize).min(n - 1)
        };
        let mut patches = Vec::with_capacity((count * inputs) as usize);
        for _ in 0..count {
            let image = &images[below(images.len())];
            let row = below(image.height + 1 - kernel);
            let column = below(image.width + 1 - kernel);
            self.cut(image, row, column, &mut patches);
        }
        Ok(Tensor::from_slice(&patches).view([count, inputs]))
    }

    fn provenance(&self) -> Value {
        self.source.clone()
    }
}

/// Gives an image mean 0 and variance 1 over all its values.
fn standardise(image: &mut Planes) -> Result<()> {
    let values = || image.colours.iter().flatten().map(|v| f64::from(*v));
    let count = values().count() as f64;
    let mean = values().sum::<f64>() / count;
    let variance = values().map(|v| (v - mean).powi(2)).sum::<f64>() / count;
    // Of the size of the values, whatever their unit is: what is below is their rounding.
    let least = LEAST_CONTRAST * (variance + mean * mean);
    ensure!(
        variance.is_finite() && variance > least,
        "{}: the image has no contrast, so that it can't be standardised",
        image.name
    );
    let sd = variance.sqrt();
    for value in image.colours.iter_mut().flatten() {
        *value = ((f64::from(*value) - mean) / sd) as f32;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Kind;

    fn noise(height: usize, width: usize) -> Planes {
        let plane = |c: u64| {
            let words = rng::words(7, "plane", c).take(height * width);
            words.map(|w| rng::unit(w) as f32 + 0.01).collect::<Vec<f32>>()
        };
        // A gradient, so that border and middle differ in their means.
        let slope = (0..height * width).map(|i| (i % width) as f32 / width as f32).collect();
        Planes { name: "noise".into(), height, width, colours: vec![plane(0), slope, plane(2)] }
    }

    #[test]
    fn patches_repeat_and_have_the_covariance_that_is_said() {
        tch::set_num_threads(1);
        let shape = PatchShape { kernel: 3, colours: 3, masked: true };
        let images =
            SplitImages { training: vec![noise(9, 14), noise(6, 5)], held_out: vec![noise(5, 5)] };
        let source = Images::new(shape, images, json!({})).unwrap();
        let patches = |t| source.patches(Purpose::Training, 200_000, 3, "patches", t).unwrap();
        let x = patches(0);
        assert_eq!(x, patches(0));
        assert_ne!(x, patches(1));
        let x = x.to_kind(Kind::Double);
        assert!(x.mean_dim(0, false, Kind::Double).abs().max().double_value(&[]) < 0.01);
        let found = x.tr().matmul(&x) / 200_000.0;
        let covariance = source.covariance().unwrap();
        let scale = covariance.diagonal(0, 0, 1).sqrt();
        let error = ((found - &covariance) / scale.outer(&scale)).abs().max();
        assert!(error.double_value(&[]) < 0.02, "{error:?}");
    }

    /// Each image has values of its own, so that a patch tells which image it is from.
    #[test]
    fn held_out_patches_are_of_images_that_nothing_is_learnt_from() {
        tch::set_num_threads(1);
        let shape = PatchShape { kernel: 2, colours: 1, masked: false };
        let coded = |index: usize| {
            let values = (0..30).map(|i| ((i * (index + 3)) % 13) as f32).collect();
            Planes { name: format!("{index}"), height: 5, width: 6, colours: vec![values] }
        };
        let all: Vec<Planes> = (0..9).map(coded).collect();
        let images = SplitImages::by_order(all.clone()).unwrap();
        let names = |images: &[Planes]| -> Vec<String> {
            images.iter().map(|image| image.name.clone()).collect()
        };
        assert_eq!(names(&images.held_out), ["0", "4", "8"]);
        assert_eq!(names(&images.training), ["1", "2", "3", "5", "6", "7"]);
        let source = Images::new(shape, images, json!({})).unwrap();

        let cut = |indices: &[usize]| -> Vec<Vec<f32>> {
            let mut patches = Vec::new();
            for index in indices {
                let mut image = coded(*index);
                standardise(&mut image).unwrap();
                for (row, column) in (0..4).flat_map(|row| (0..5).map(move |column| (row, column)))
                {
                    let mut patch = Vec::new();
                    source.cut(&image, row, column, &mut patch);
                    patches.push(patch);
                }
            }
            patches
        };
        let own = |purpose, stream| -> Vec<Vec<f32>> {
            Vec::try_from(source.patches(purpose, 4000, 1, stream, 0).unwrap()).unwrap()
        };
        let (training, held_out) = (cut(&[1, 2, 3, 5, 6, 7]), cut(&[0, 4, 8]));
        for (found, known, other) in [
            (own(Purpose::Training, "patches"), &training, &held_out),
            (own(Purpose::HeldOut, "held-out"), &held_out, &training),
        ] {
            assert!(found.iter().all(|patch| known.contains(patch) && !other.contains(patch)));
            assert!(known.iter().all(|patch| found.contains(patch)), "a place is never drawn");
        }

        // The covariance is that of the patches to learn from alone.
        let x = Tensor::from_slice2(&training).to_kind(Kind::Double);
        assert!(x.mean_dim(0, false, Kind::Double).abs().max().double_value(&[]) < 1e-6);
        let found = x.tr().matmul(&x) / training.len() as f64;
        let error = (found - source.covariance().unwrap()).abs().max().double_value(&[]);
        assert!(error < 1e-6, "{error}");
    }

    #[test]
    fn an_image_without_contrast_or_smaller_than_the_patch_is_refused() {
        let shape = PatchShape { kernel: 3, colours: 1, masked: false };
        let flat = |height, width, value| Planes {
            name: "flat.png".into(),
            height,
            width,
            colours: vec![vec![value; height * width]],
        };
        for (image, part) in
            [(flat(4, 4, 0.5), "no contrast"), (flat(2, 4, 0.5), "--kernel-size 3: flat.png")]
        {
            for one in [true, false] {
                let mut pair = [vec![image.clone()], vec![noise(9, 14)]];
                pair[1][0].colours.truncate(1);
                if one {
                    pair.reverse();
                }
                let [training, held_out] = pair;
                let images = SplitImages { training, held_out };
                let error = Images::new(shape, images, json!({})).err().unwrap().to_string();
                assert!(error.contains(part), "{error}");
            }
        }
    }

    #[test]
    fn the_unit_of_an_image_makes_no_difference() {
        tch::set_num_threads(1);
        let shape = PatchShape { kernel: 3, colours: 1, masked: true };
        let covariance = |unit: f32| {
            let mut image = noise(9, 14);
            image.colours = vec![image.colours[1].iter().map(|value| unit * value).collect()];
            let images = SplitImages { training: vec![image.clone()], held_out: vec![image] };
            Images::new(shape, images, json!({})).unwrap().covariance().unwrap()
        };
        assert!(covariance(1e-9).allclose(&covariance(1.0), 1e-5, 1e-6, false));
    }
}
