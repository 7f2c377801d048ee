//! The samples of a neuron in the order of their computation neuron.

/// A counting sort, whose memory is used again for every neuron.
pub(super) struct Order {
    /// Where the samples of each computation neuron begin; one more than there are.
    starts: Vec<usize>,
    /// [sample]
    samples: Vec<u32>,
}

impl Order {
    pub(super) fn new(choices: usize, samples: usize) -> Self {
        Self { starts: vec![0; choices + 1], samples: vec![0; samples] }
    }

    /// Sorts; samples of one computation neuron keep their order.
    ///
    /// - choice: [sample]
    #[inline(always)]
    pub(super) fn sort(&mut self, choice: &[i16]) {
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

    /// The samples of a computation neuron.
    #[inline(always)]
    pub(super) fn of(&self, choice: usize) -> &[u32] {
        let start = if choice == 0 { 0 } else { self.starts[choice - 1] };
        &self.samples[start..self.starts[choice]]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_come_by_computation_neuron() {
        let mut order = Order::new(4, 6);
        for _ in 0..2 {
            order.sort(&[2, 0, 3, 2, 0, 2]);
            let each: Vec<&[u32]> = (0..4).map(|k| order.of(k)).collect();
            assert_eq!(each, [&[1, 4][..], &[], &[0, 3, 5], &[2]]);
        }
    }
}
