//! The mask of nested expansions, and sums over the cells of each. Networks contain one another, so
//! that the sum of a larger one is that of the next smaller one and what its own cells add.

use tch::{Device, Kind, Tensor};

/// Which cells belong to every expansion: the first ones of the largest.
#[derive(Debug)]
pub struct ExpansionMask {
    /// Number of cells of each expansion, ascending.
    pub cells: Vec<i64>,
    /// 1 for the cells of each expansion, 0 beyond: `[q, cell]`.
    pub values: Tensor,
}

impl ExpansionMask {
    /// The mask of some expansions in ascending order, of `cells_per` cells at q = 1.
    pub fn new(expansions: &[i64], cells_per: i64, device: Device) -> Self {
        let cells: Vec<i64> = expansions.iter().map(|q| q * cells_per).collect();
        let index = Tensor::arange(cells.last().copied().unwrap_or(0), (Kind::Int64, device));
        let ends = Tensor::from_slice(&cells).to_device(device);
        let values = index.unsqueeze(0).lt_tensor(&ends.unsqueeze(1)).to_kind(Kind::Double);
        Self { cells, values }
    }

    /// The cells that every expansion adds to the one before: first and count.
    fn added(&self) -> impl Iterator<Item = (i64, i64)> {
        let firsts = std::iter::once(0).chain(self.cells.iter().copied());
        firsts.zip(&self.cells).map(|(first, end)| (first, end - first))
    }

    /// The sums Σ_c a_ic b_jc over the cells of each expansion.
    ///
    /// # Shapes
    /// - a: `[seed, i, cell]`
    /// - b: `[seed, j, cell]`
    /// - returns: `[seed, q, i, j]`
    pub fn products(&self, a: &Tensor, b: &Tensor) -> Tensor {
        let mut sums: Vec<Tensor> = Vec::new();
        for (first, count) in self.added() {
            let (left, right) = (a.narrow(2, first, count), b.narrow(2, first, count));
            let own = left.bmm(&right.transpose(1, 2));
            sums.push(sums.last().map_or_else(|| own.shallow_clone(), |sum| sum + &own));
        }
        Tensor::stack(&sums, 1)
    }

    /// The forms Σ_cd a_ic H_cd a_jd over the cells of each expansion, of a symmetric H.
    ///
    /// # Shapes
    /// - a: `[seed, i, cell]`
    /// - hessian: `[seed, cell, cell]`
    /// - returns: `[seed, q, i, j]`
    pub fn forms(&self, a: &Tensor, hessian: &Tensor) -> Tensor {
        let mut sums: Vec<Tensor> = Vec::new();
        for (first, count) in self.added() {
            // Pairs of the added cells count once, pairs with earlier cells twice: from either side.
            let (mine, columns) = (a.narrow(2, first, count), hessian.narrow(2, first, count));
            let mut half = mine.bmm(&columns.narrow(1, first, count)) * 0.5;
            if first > 0 {
                half += a.narrow(2, 0, first).bmm(&columns.narrow(1, 0, first));
            }
            let half = half.bmm(&mine.transpose(1, 2));
            let both = &half + half.transpose(1, 2);
            sums.push(sums.last().map_or_else(|| both.shallow_clone(), |sum| sum + &both));
        }
        Tensor::stack(&sums, 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_those_over_masked_cells() {
        tch::manual_seed(3);
        let options = (Kind::Double, Device::Cpu);
        let expansions = ExpansionMask::new(&[1, 2, 5], 4, Device::Cpu);
        let (a, b) = (Tensor::randn([2, 6, 20], options), Tensor::randn([2, 7, 20], options));
        let hessian = Tensor::randn([2, 20, 20], options);
        let hessian = &hessian + hessian.transpose(1, 2);
        let masked = |tensor: &Tensor| tensor.unsqueeze(1) * expansions.values.unsqueeze(1);
        let close = |found: Tensor, expected: Tensor| {
            assert!((found - expected).abs().max().double_value(&[]) < 1e-12);
        };
        close(expansions.products(&a, &b), masked(&a).matmul(&masked(&b).transpose(2, 3)));
        let form = masked(&a).matmul(&hessian.unsqueeze(1));
        close(expansions.forms(&a, &hessian), form.matmul(&masked(&a).transpose(2, 3)));
    }
}
