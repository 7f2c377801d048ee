//! Python's `random` and NumPy's legacy generator, draw for draw: both are the Mersenne Twister
//! MT19937, seeded and read in ways of their own.

use rand_mt::Mt;

/// CPython's `random.Random`, with the position in its stream.
#[derive(Debug, Clone)]
pub struct PythonRandom {
    twister: Mt,
    /// 32-bit words drawn since the seed: with the seed, the generator's whole state.
    pub drawn: u64,
}

impl PythonRandom {
    /// A generator as after `random.seed(seed)`: `init_by_array` of the seed's 32-bit digits.
    pub fn new(seed: u64) -> Self {
        let (low, high) = (seed as u32, (seed >> 32) as u32);
        let digits = if high == 0 { vec![low] } else { vec![low, high] };
        Self { twister: Mt::new_with_key(digits), drawn: 0 }
    }

    /// The generator of a seed after some words have been drawn.
    pub fn at(seed: u64, drawn: u64) -> Self {
        let mut random = Self::new(seed);
        for _ in 0..drawn {
            random.word();
        }
        random
    }

    fn word(&mut self) -> u32 {
        self.drawn += 1;
        self.twister.next_u32()
    }

    /// `random.random()`, which is also `random.uniform(0, 1)`: 53 bits of two words.
    pub fn unit(&mut self) -> f64 {
        let (first, second) = (self.word(), self.word());
        unit(first, second)
    }

    /// The index of `random.choice` among `n` items: as many upper bits as `n` has, drawn again
    /// while they are too large.
    pub fn below(&mut self, n: u32) -> u32 {
        let shift = n.leading_zeros();
        loop {
            let index = self.word() >> shift;
            if index < n {
                return index;
            }
        }
    }
}

/// NumPy's `RandomState`.
#[derive(Debug, Clone)]
pub struct NumpyRandom {
    twister: Mt,
    /// The second number of the last pair, until it is used.
    kept: Option<f64>,
}

impl NumpyRandom {
    /// A generator as after `numpy.random.seed(seed)`.
    pub fn new(seed: u32) -> Self {
        Self { twister: Mt::new(seed), kept: None }
    }

    fn unit(&mut self) -> f64 {
        let (first, second) = (self.twister.next_u32(), self.twister.next_u32());
        unit(first, second)
    }

    /// `standard_normal()`: Marsaglia's polar method, whose second number is kept for the next
    /// call.
    pub fn normal(&mut self) -> f64 {
        if let Some(kept) = self.kept.take() {
            return kept;
        }
        loop {
            let (x, y) = (2.0 * self.unit() - 1.0, 2.0 * self.unit() - 1.0);
            let square = x * x + y * y;
            if square < 1.0 && square != 0.0 {
                let scale = (-2.0 * square.ln() / square).sqrt();
                self.kept = Some(scale * x);
                return scale * y;
            }
        }
    }
}

/// A number in [0, 1) from the upper 27 bits of a word and the upper 26 of the next one.
fn unit(first: u32, second: u32) -> f64 {
    let (a, b) = (f64::from(first >> 5), f64::from(second >> 6));
    (a * 67_108_864.0 + b) / 9_007_199_254_740_992.0
}

#[cfg(test)]
mod tests {
    use super::*;

    // import random, numpy
    // random.seed(0); numpy.random.seed(0)
    // print([random.uniform(0, 1) for _ in range(5)])
    // print(numpy.random.standard_normal(8))
    #[test]
    fn the_first_draws_of_seed_zero() {
        let mut python = PythonRandom::new(0);
        let units: Vec<f64> = (0..5).map(|_| python.unit()).collect();
        let expected = [
            0.8444218515250481,
            0.7579544029403025,
            0.420571580830845,
            0.25891675029296335,
            0.5112747213686085,
        ];
        assert_eq!(units, expected);
        assert_eq!(python.drawn, 10);
        let mut numpy = NumpyRandom::new(0);
        let expected = [
            1.76405235,
            0.40015721,
            0.97873798,
            2.2408932,
            1.86755799,
            -0.97727788,
            0.95008842,
            -0.15135721,
        ];
        for value in expected {
            let normal = numpy.normal();
            assert!((normal - value).abs() < 5e-9, "{normal} is not {value}");
        }
    }

    // random.seed(2**32 + 5); print([random.randrange(2500) for _ in range(6)], random.random())
    #[test]
    fn long_seeds_and_positions() {
        let mut python = PythonRandom::new((1 << 32) + 5);
        let choices: Vec<u32> = (0..6).map(|_| python.below(2500)).collect();
        assert_eq!(choices, LONG_SEED);
        let mut later = PythonRandom::at((1 << 32) + 5, python.drawn);
        assert_eq!(python.unit(), later.unit());
    }

    const LONG_SEED: [u32; 6] = [644, 1988, 1157, 2475, 59, 1454];
}
