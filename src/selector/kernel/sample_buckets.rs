//! The samples of a neuron in buckets, one for each computation neuron.

/// The buckets of one neuron at a time, by a counting sort whose memory is used again for the next.
pub(super) struct SampleBuckets {
    /// Where the bucket after each begins, once filled: `[computation + 1]`.
    starts: Vec<usize>,
    /// The samples, bucket after bucket: `[sample]`.
    samples: Vec<u32>,
}

impl SampleBuckets {
    /// Memory for K buckets of this many samples together.
    pub(super) fn new(choices: usize, samples: usize) -> Self {
        Self { starts: vec![0; choices + 1], samples: vec![0; samples] }
    }

    /// Puts the samples of a neuron into the buckets of their computation neurons. Samples of one
    /// bucket keep their order.
    ///
    /// # Shapes
    /// - choice: `[sample]`
    #[inline(always)]
    pub(super) fn fill(&mut self, choice: &[i16]) {
        self.starts.fill(0);
        for k in choice {
            self.starts[*k as usize + 1] += 1;
        }
        for k in 1..self.starts.len() {
            self.starts[k] += self.starts[k - 1];
        }
        // Each start moves to its end, which is the next one's start.
        for (sample, k) in choice.iter().enumerate() {
            let start = &mut self.starts[*k as usize];
            self.samples[*start] = sample as u32;
            *start += 1;
        }
    }

    /// The samples of one computation neuron.
    #[inline(always)]
    pub(super) fn bucket(&self, choice: usize) -> &[u32] {
        let start = if choice == 0 { 0 } else { self.starts[choice - 1] };
        &self.samples[start..self.starts[choice]]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_come_by_computation_neuron() {
        let mut buckets = SampleBuckets::new(4, 6);
        for _ in 0..2 {
            buckets.fill(&[2, 0, 3, 2, 0, 2]);
            let each: Vec<&[u32]> = (0..4).map(|k| buckets.bucket(k)).collect();
            assert_eq!(each, [&[1, 4][..], &[], &[0, 3, 5], &[2]]);
        }
    }
}
