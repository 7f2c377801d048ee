//! The covariances of a batch in f32 on the CPU, many samples side by side.
//!
//! libtorch factorises one small matrix after another, each far below the speed of the processor,
//! and keeps every one in memory. Here a vector register holds the same entry of as many samples as
//! it has lanes, so that every operation of the textbook is one on full registers, and nothing but
//! the sums leaves the cache. `benches/efficient_coding.rs` has the times.

mod batch;
mod dispatch;
mod tile;
mod work;

use std::thread;

use tch::{Device, Kind, Tensor};

use super::covariance_term::CovarianceTerm;
use crate::lab::tensor::host_memory::as_slice;
use batch::{Batch, Totals};

/// As [`CovarianceTerm::by_libtorch`] for f32 on the CPU; none for any other precision or device.
///
/// - matrix: M, `[neuron, neuron]`
/// - slopes: g, `[sample, neuron]`
pub fn covariance_term(matrix: &Tensor, slopes: &Tensor, variance: f64) -> Option<CovarianceTerm> {
    let plain = |t: &Tensor| t.device() == Device::Cpu && t.kind() == Kind::Float;
    let (samples, neurons) = slopes.size2().ok()?;
    let fits = plain(matrix) && plain(slopes) && matrix.size() == [neurons, neurons];
    if !fits || samples * neurons == 0 {
        return None;
    }
    let (matrix, slopes) = (matrix.contiguous(), slopes.contiguous());
    // SAFETY: both slices are read by `compute` alone, which this function waits for, and nothing
    // that it calls writes to a tensor.
    let (matrix, slopes) = unsafe { (as_slice(&matrix).ok()?, as_slice(&slopes).ok()?) };
    let scale = variance.sqrt().recip() as f32;
    let batch = Batch { neurons: neurons as usize, matrix, slopes, scale };
    let Totals { logdet, diagonal, spread } = compute(&batch, samples as usize);
    // 1 / variance is in both slopes of G C^-1 G already.
    Some(CovarianceTerm {
        logdet: Tensor::from_slice(&logdet),
        diagonal: Tensor::from_slice(&diagonal).view([samples, neurons]),
        spread: Tensor::from_slice(&spread).view([neurons, neurons]) / samples as f64,
    })
}

/// All samples, in as many threads as libtorch has, one after another summed in their order.
fn compute(batch: &Batch, samples: usize) -> Totals {
    let threads = usize::try_from(tch::get_num_threads()).unwrap_or(1).clamp(1, samples);
    let width = samples.div_ceil(dispatch::width() * threads) * dispatch::width();
    let parts: Vec<(usize, usize)> =
        (0..samples).step_by(width).map(|start| (start, width.min(samples - start))).collect();
    if let [(start, count)] = parts[..] {
        return batch.totals(start, count);
    }
    let parts = thread::scope(|scope| {
        let work = |(start, count)| scope.spawn(move || batch.totals(start, count));
        let running: Vec<_> = parts.into_iter().map(work).collect();
        running.into_iter().map(|part| part.join()).collect::<Vec<_>>()
    });
    let mut whole = Totals::default();
    for part in parts {
        match part {
            Ok(part) => whole.append(part),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    fn largest(a: &Tensor, b: &Tensor) -> f64 {
        (a.to_kind(Kind::Double) - b).abs().max().double_value(&[])
    }

    #[test]
    fn it_says_what_libtorch_says_in_double_precision() {
        tch::manual_seed(1);
        for (samples, neurons, threads) in
            [(1, 1, 1), (3, 2, 1), (16, 4, 1), (21, 7, 2), (33, 32, 1), (50, 101, 2)]
        {
            tch::set_num_threads(threads);
            let options = (Kind::Double, Device::Cpu);
            let w = Tensor::randn([neurons + 3, neurons], options);
            let matrix = w.tr().matmul(&w) / neurons as f64 * 20.0;
            let slopes = Tensor::randn([samples, neurons], options).exp();
            let [exact] = CovarianceTerm::by_libtorch([&matrix], &slopes, 9.0);
            let float = |t: &Tensor| t.to_kind(Kind::Float);
            let found = covariance_term(&float(&matrix), &float(&slopes), 9.0).unwrap();
            let name = format!("{samples} x {neurons}, {threads} threads");
            assert!(largest(&found.logdet, &exact.logdet) < 1e-4 * neurons as f64, "{name}");
            assert!(largest(&found.diagonal, &exact.diagonal) < 1e-5, "{name}");
            assert!(largest(&found.spread, &exact.spread) < 1e-5, "{name}");
        }
        tch::set_num_threads(1);
    }

    #[test]
    fn slopes_of_any_size_give_what_they_do_in_double_precision() {
        tch::manual_seed(2);
        let options = (Kind::Double, Device::Cpu);
        let w = Tensor::randn([30, 20], options);
        let matrix = w.tr().matmul(&w) * 10.0;
        // From 1 down to the smallest numbers that there are.
        let slopes = (Tensor::rand([40, 20], options) * -100.0).exp();
        let [exact] = CovarianceTerm::by_libtorch([&matrix], &slopes, 9.0);
        let float = |t: &Tensor| t.to_kind(Kind::Float);
        let found = covariance_term(&float(&matrix), &float(&slopes), 9.0).unwrap();
        assert!(largest(&found.logdet, &exact.logdet) < 1e-4);
        assert!(largest(&found.diagonal, &exact.diagonal) < 1e-5);
        assert!(largest(&found.spread, &exact.spread) < 1e-6);
    }

    #[test]
    fn what_is_not_finite_stays_so() {
        let matrix = Tensor::eye(3, (Kind::Float, Device::Cpu));
        let slopes = Tensor::from_slice(&[1.0f32, f32::NAN, 1.0, 1.0, 1.0, 1.0]).view([2, 3]);
        let found = covariance_term(&matrix, &slopes, 1.0).unwrap().logdet;
        assert!(found.double_value(&[0]).is_nan());
        assert!((found.double_value(&[1]) - 3.0).abs() < 1e-6);
    }
}
