//! The three parts of the data: D_A for the multipliers, D_W for the weights, D_test.

use anyhow::{Result, ensure};
use tch::{Device, Kind, Tensor};

use crate::apical::model::loss::one_hot;
use crate::data::ImageData;
use crate::lab::tensor::rng;

/// Images of one part of the data.
#[derive(Debug)]
pub struct Subset {
    /// `[sample, pixel]`
    pub images: Tensor,
    /// One-hot, `[sample, class]`
    pub target: Tensor,
    /// `[sample]` i64
    pub labels: Tensor,
}

impl Subset {
    fn new(images: Tensor, labels: Tensor, classes: i64, device: Device) -> Self {
        let target = one_hot(&labels, classes, Kind::Float, device);
        Self { images, target, labels }
    }

    /// The first `samples` of the images, or all of them where there are fewer.
    pub fn take(&self, samples: i64) -> Self {
        let head = |tensor: &Tensor| tensor.narrow(0, 0, samples.min(self.len()));
        Self { images: head(&self.images), target: head(&self.target), labels: head(&self.labels) }
    }

    /// How many samples there are.
    pub fn len(&self) -> i64 {
        self.labels.size()[0]
    }

    /// Whether there is no sample, which never is the case in a [`Split`].
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// D_A, D_W and D_test.
#[derive(Debug)]
pub struct Split {
    /// D_A, for phase 1.
    pub a: Subset,
    /// D_W, for phase 2.
    pub w: Subset,
    /// D_test, held out.
    pub test: Subset,
}

impl Split {
    /// Shuffles the training images by the seed: D_A has the first `samples_a` of them, D_W the
    /// rest.
    ///
    /// # Errors
    /// If D_A or D_W would have no image.
    pub fn new(data: &ImageData, samples_a: i64, seed: u64, device: Device) -> Result<Self> {
        let (name, all) = (&data.name, data.train.len());
        ensure!(
            (1..all).contains(&samples_a),
            "{name} has {all} training images, and D_W needs some, too"
        );
        let order = rng::permutation(all, seed, "split", 0).to_device(device);
        let subset = |from: i64, length: i64| {
            let (images, labels) = data.train.batch(&order.narrow(0, from, length));
            Subset::new(images, labels, data.num_classes, device)
        };
        let (a, w) = (subset(0, samples_a), subset(samples_a, all - samples_a));
        let (images, labels) = (data.test.images.shallow_clone(), data.test.labels.shallow_clone());
        Ok(Self { a, w, test: Subset::new(images, labels, data.num_classes, device) })
    }

    /// Gives D_A half of the training images, and D_W the other half.
    ///
    /// # Errors
    /// If there is only one training image.
    pub fn halves(data: &ImageData, seed: u64, device: Device) -> Result<Self> {
        Self::new(data, data.train.len() / 2, seed, device)
    }
}
