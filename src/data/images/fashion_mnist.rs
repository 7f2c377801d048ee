//! Fashion-MNIST, Zalando's articles of clothing, 28x28.

use super::image_set::{NamedImages, Scale};
use super::known::load_known;

const MANIFEST: &str = r#"{
    "name": "fashion-mnist",
    "files": {
        "train-images-idx3-ubyte": {
            "shape": [60000, 28, 28],
            "bytes": 47040016,
            "sha256": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888"
        },
        "train-labels-idx1-ubyte": {
            "shape": [60000],
            "bytes": 60008,
            "sha256": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9"
        },
        "t10k-images-idx3-ubyte": {
            "shape": [10000, 28, 28],
            "bytes": 7840016,
            "sha256": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b"
        },
        "t10k-labels-idx1-ubyte": {
            "shape": [10000],
            "bytes": 10008,
            "sha256": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"
        }
    },
    "package": {
        "debian": "dataset-fashion-mnist",
        "path": "datasets/fashion-mnist/{file}.gz"
    },
    "mirrors": ["http://fashion-mnist.s3-website.eu-central-1.amazonaws.com"],
    "without_files": "--data digits"
}"#;

/// Mean and standard deviation of the training pixels, rounded as in the literature.
const SCALE: Scale = Scale { full: 255, mean: 0.2860, std: 0.3530 };

pub(super) const FASHION_MNIST: NamedImages = NamedImages {
    name: "fashion-mnist",
    pixels: 784,
    load: |data_dir, device| load_known(MANIFEST, SCALE, data_dir, device),
};
