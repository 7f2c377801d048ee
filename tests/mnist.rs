//! The real MNIST, where `scripts/data mnist` has fetched it.

#![allow(clippy::unwrap_used)]

mod common;

use tch::Kind;

#[test]
fn mnist_is_what_it_is_known_to_be() {
    tch::set_num_threads(1);
    let Some(mnist) = common::fetched("mnist") else { return };
    assert_eq!(
        (mnist.train.images.size(), mnist.test.images.size()),
        (vec![60_000, 784], vec![10_000, 784])
    );

    // Class counts and first labels as published; the mean over all training pixels is 0.13066.
    let counts = |labels: &tch::Tensor| {
        Vec::<i64>::try_from(labels.bincount(None::<&tch::Tensor>, 10)).unwrap()
    };
    assert_eq!(
        counts(&mnist.train.labels),
        [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    );
    assert_eq!(counts(&mnist.test.labels), [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]);
    assert_eq!(
        Vec::<i64>::try_from(mnist.train.labels.narrow(0, 0, 6)).unwrap(),
        [5, 0, 4, 1, 9, 2]
    );
    let mean = mnist.train.images.mean(Kind::Double).double_value(&[]) * mnist.std + mnist.mean;
    assert!((mean - 0.13066).abs() < 1e-5, "{mean}");
}
