//! Even use of a neuron's computation neurons.

use tch::{Tensor, no_grad_guard};

use super::SelectorLayer;

impl SelectorLayer {
    /// Adds the auxiliary loss for even use with this weight; 0 for none.
    pub fn set_evenness(&mut self, weight: f64) {
        self.evenness = weight;
    }

    /// The bias that only the choice sees, from now on at zero: [.., computation, neuron].
    pub fn add_preference(&mut self) {
        let kind = self.computation.weight.kind();
        self.preference = Some(self.no_tally().to_kind(kind));
    }

    /// That bias, where the layer has one.
    pub fn preference(&self) -> Option<&Tensor> {
        self.preference.as_ref()
    }

    /// Moves the bias by `rate`: up where a computation neuron had less than its share of a batch,
    /// down where more.
    ///
    /// - tally: of the batch, [.., computation, neuron]; rows: samples of the batch
    /// - apply: [] bool on the device; where it is false the bias stays. None is true.
    pub fn nudge_preference(
        &mut self,
        tally: &Tensor,
        (rows, rate): (i64, f64),
        apply: Option<&Tensor>,
    ) {
        let _guard = no_grad_guard();
        let share = rows as f64 / self.shape.choices as f64;
        if let Some(bias) = &mut self.preference {
            let change = (share - tally).sign() * rate;
            _ = bias.g_add_(&match apply {
                None => change,
                Some(flag) => change.where_scalarother(flag, 0.0),
            });
        }
    }

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
        let mean = (p * &share).sum_dim_intlist(-2, true, p.kind());
        _ = dz.g_add_(&(p * (share - mean)));
    }
}
