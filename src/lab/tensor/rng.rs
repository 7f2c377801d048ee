//! Randomness from (seed, stream, t) alone.
//!
//! libtorch's generators can be neither saved nor restored from Rust, so no generator is carried
//! across steps: whoever draws at step t first seeds from (seed, stream, t), which makes a resumed
//! run continue the same numbers. All draws are made on the CPU and then moved, so that a run has
//! the same initial weights and data order on every device. libtorch's CPU generator uses the low
//! 32 bits of its seed.
//!
//! Every stream has a line in `docs/reproducing.md`, and a function in `python/neuron_lab/` that draws
//! it again.

use tch::{Device, Kind, Tensor};

/// The increment of SplitMix64's state.
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// The finaliser of SplitMix64 (Steele, Lea and Flood 2014): a bijection of 64-bit words whose
/// every output bit depends on every input bit.
fn mix(word: u64) -> u64 {
    let mut z = word.wrapping_add(GOLDEN);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// The 64-bit key of draw `t` of a named stream.
pub fn key(seed: u64, stream: &str, t: u64) -> u64 {
    let name = stream.bytes().fold(0, |hash, byte| mix(hash ^ u64::from(byte)));
    mix(mix(mix(seed) ^ name) ^ t)
}

/// The 64-bit words of draw `t` of a named stream: SplitMix64 from its key. For draws that are too
/// many and too small for libtorch, whose generator takes microseconds to seed.
pub fn words(seed: u64, stream: &str, t: u64) -> impl Iterator<Item = u64> + use<> {
    let key = key(seed, stream, t);
    (0u64..).map(move |i| mix(key.wrapping_add(i.wrapping_mul(GOLDEN))))
}

/// The seeds of a run's replicates: replicate r has the seed `first` + r, so that it
/// draws the numbers of the run of that seed alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seeds {
    /// The seed of the first replicate.
    pub first: u64,
    /// The number of replicates.
    pub count: i64,
}

/// A number in [0, 1) from the upper 53 bits of a word.
pub fn unit(word: u64) -> f64 {
    (word >> 11) as f64 / (1u64 << 53) as f64
}

/// Seeds libtorch's generators for draw `t` of a named stream.
pub fn seed_torch(seed: u64, stream: &str, t: u64) {
    tch::manual_seed(key(seed, stream, t) as i64);
}

/// A permutation of 0..n: `[n]` i64, on the CPU.
pub fn permutation(n: i64, seed: u64, stream: &str, t: u64) -> Tensor {
    seed_torch(seed, stream, t);
    Tensor::randperm(n, (Kind::Int64, Device::Cpu))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mix_is_splitmix64() {
        // The published generator's first outputs from the state 1234567.
        let outputs: Vec<u64> = (0..2u64)
            .map(|i| mix(1_234_567u64.wrapping_add(i.wrapping_mul(0x9E37_79B9_7F4A_7C15))))
            .collect();
        assert_eq!(outputs, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973]);
    }

    #[test]
    fn words_are_a_stream_of_their_own_for_every_draw() {
        let take = |t: u64| words(3, "batches", t).take(3).collect::<Vec<u64>>();
        assert_eq!(take(5), take(5));
        assert_ne!(take(5), take(6));
        let numbers: Vec<f64> = words(0, "init", 0).take(10_000).map(unit).collect();
        let mean = numbers.iter().sum::<f64>() / 1e4;
        assert!((mean - 0.5).abs() < 0.015, "{mean}");
        assert!(numbers.iter().all(|number| (0.0..1.0).contains(number)));
    }

    #[test]
    fn keys_differ_by_seed_stream_and_time() {
        let keys = [key(0, "data", 0), key(1, "data", 0), key(0, "init", 0), key(0, "data", 1)];
        for i in 0..keys.len() {
            for j in 0..i {
                assert_ne!(keys[i] as u32, keys[j] as u32);
            }
        }
    }

    #[test]
    fn a_permutation_repeats_and_is_one() {
        let first = permutation(100, 3, "data", 7);
        tch::manual_seed(99);
        assert_eq!(first, permutation(100, 3, "data", 7));
        assert_ne!(first, permutation(100, 3, "data", 8));
        assert_eq!(first.sort(0, false).0, Tensor::arange(100, (Kind::Int64, Device::Cpu)));
    }
}
