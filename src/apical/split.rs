//! The three parts of the data: D_A for the multipliers, D_W for the weights, D_test.

use anyhow::Result;
use tch::{Device, Kind, Tensor};

use super::loss::one_hot;
use crate::data::ImageData;
use crate::lab::error::refuse;
use crate::lab::tensor::rng;

/// Images of one part.
#[derive(Debug)]
pub struct Part {
    /// [sample, pixel]
    pub images: Tensor,
    /// One-hot, [sample, class]
    pub target: Tensor,
    /// [sample] i64
    pub labels: Tensor,
}

impl Part {
    fn new(images: Tensor, labels: Tensor, classes: i64, device: Device) -> Self {
        let target = one_hot(&labels, classes, Kind::Float, device);
        Self { images, target, labels }
    }

    /// The first images, as many as there are of those that were asked for.
    pub fn first(&self, samples: i64) -> Self {
        let some = |tensor: &Tensor| tensor.narrow(0, 0, samples.min(self.samples()));
        Self { images: some(&self.images), target: some(&self.target), labels: some(&self.labels) }
    }

    /// How many samples there are.
    pub fn samples(&self) -> i64 {
        self.labels.size()[0]
    }
}

/// D_A, D_W and D_test.
#[derive(Debug)]
pub struct Split {
    /// For phase 1.
    pub a: Part,
    /// For phase 2.
    pub w: Part,
    /// Held out.
    pub test: Part,
}

impl Split {
    /// Shuffles the training images by the seed: D_A has the first `samples_a` (by default half
    /// of them), D_W the rest.
    ///
    /// # Errors
    /// Where there are not so many images.
    pub fn new(
        data: &ImageData,
        samples_a: Option<i64>,
        seed: u64,
        device: Device,
    ) -> Result<Self> {
        let all = data.train.len();
        let count = samples_a.unwrap_or(all / 2);
        if count < 1 || count >= all {
            let name = &data.name;
            return Err(refuse(format!(
                "--samples-a {count}: {name} has {all} training images, and D_W needs some, too"
            )));
        }
        let order = rng::permutation(all, seed, "split", 0).to_device(device);
        let part = |from: i64, length: i64| {
            let (images, labels) = data.train.batch(&order.narrow(0, from, length));
            Part::new(images, labels, data.num_classes, device)
        };
        let (a, w) = (part(0, count), part(count, all - count));
        let (images, labels) = (data.test.images.shallow_clone(), data.test.labels.shallow_clone());
        Ok(Self { a, w, test: Part::new(images, labels, data.num_classes, device) })
    }
}
