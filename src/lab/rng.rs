//! Randomness from (seed, stream, t) alone.
//!
//! libtorch's generators can be neither saved nor restored from Rust, so no generator is carried
//! across steps: whoever draws at step t first seeds from (seed, stream, t), which makes a resumed
//! run continue the same numbers. All draws are made on the CPU and then moved, so that a run has
//! the same initial weights and data order on every device. libtorch's CPU generator uses the low
//! 32 bits of its seed.

use tch::{Device, Kind, Tensor};

/// The finaliser of SplitMix64 (Steele, Lea and Flood 2014): a bijection of 64-bit words whose
/// every output bit depends on every input bit.
fn mix(word: u64) -> u64 {
    let mut z = word.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// The 64-bit key of draw `t` of a named stream.
pub fn key(seed: u64, stream: &str, t: u64) -> u64 {
    let name = stream.bytes().fold(0, |hash, byte| mix(hash ^ u64::from(byte)));
    mix(mix(mix(seed) ^ name) ^ t)
}

/// Seeds libtorch's generators for draw `t` of a named stream.
pub fn seed_torch(seed: u64, stream: &str, t: u64) {
    tch::manual_seed(key(seed, stream, t) as i64);
}

/// A permutation of 0..n: [n] i64, on the CPU.
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
