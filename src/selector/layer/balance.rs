//! Even use of a neuron's computation neurons.

use tch::{Kind, Tensor};

use super::SelectorLayer;

impl SelectorLayer {
    /// Adds the gradient of the auxiliary loss of Fedus, Zoph and Shazeer (2021), for each neuron of
    /// its own: α K Σ_k f_nk P_nk, mean over neurons, where f is the share of the batch that k
    /// answers, and P the mean of p_k.
    ///
    /// - dz, p: [.., batch, computation, neuron], of all K
    pub(super) fn add_evenness(&self, dz: &mut Tensor, p: &Tensor, choice: &Tensor) {
        if self.evenness == 0.0 {
            return;
        }
        let rows = choice.size()[choice.dim() - 2];
        let slope =
            self.evenness * self.shape.choices as f64 / (rows * rows * self.shape.neurons) as f64;
        let share = (self.tally(choice) * slope).to_kind(p.kind()).unsqueeze(-3);
        let mean = (p * &share).sum_dim_intlist(-2, true, Kind::Float);
        _ = dz.g_add_(&(p * (share - mean)));
    }
}
