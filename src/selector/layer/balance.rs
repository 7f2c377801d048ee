//! Even use of a neuron's computation neurons: by an auxiliary loss, or by a bias without a loss.

use tch::{Tensor, no_grad_guard};

use super::selector_layer::SelectorLayer;

impl SelectorLayer {
    /// Sets the weight of the auxiliary loss for even use; 0 for none.
    pub fn set_aux_loss_weight(&mut self, weight: f64) {
        self.aux_loss_weight = weight;
    }

    /// Gives the layer a balance bias of zeros, `[.., computation, neuron]`: it is added to the
    /// logits where the largest is taken, and nowhere else.
    pub fn add_balance_bias(&mut self) {
        self.balance_bias = Some(self.zero_counts().to_kind(self.kind));
    }

    /// The balance bias, where the layer has one.
    pub fn balance_bias(&self) -> Option<&Tensor> {
        self.balance_bias.as_ref()
    }

    /// Moves the balance bias by `rate`: up where a computation neuron had less than its share of a
    /// batch, down where it had more.
    ///
    /// # Shapes
    /// - counts: selections of the batch, `[.., computation, neuron]`
    /// - apply: `[]` bool on the device; where it is false the bias stays. None is true.
    pub fn update_balance_bias(
        &mut self,
        counts: &Tensor,
        batch_size: i64,
        rate: f64,
        apply: Option<&Tensor>,
    ) {
        let _guard = no_grad_guard();
        let share = batch_size as f64 / self.shape.choices as f64;
        if let Some(bias) = &mut self.balance_bias {
            let change = (share - counts).sign() * rate;
            _ = bias.g_add_(&match apply {
                None => change,
                Some(flag) => change.where_scalarother(flag, 0.0),
            });
        }
    }

    /// Adds the gradient of the auxiliary loss of Fedus, Zoph and Shazeer (2021) for each neuron:
    /// α K Σ_k f_nk P_nk, mean over neurons, where f is the share of the batch that k answers, and P
    /// the mean of p_k.
    ///
    /// # Shapes
    /// - dz, p: `[.., batch, computation, neuron]`, of all K
    /// - choice: `[.., batch, neuron]`
    pub(super) fn add_aux_loss_gradient(&self, dz: &mut Tensor, p: &Tensor, choice: &Tensor) {
        if self.aux_loss_weight == 0.0 {
            return;
        }
        let rows = choice.size()[choice.dim() - 2];
        let slope = self.aux_loss_weight * self.shape.choices as f64
            / (rows * rows * self.shape.neurons) as f64;
        let share = (self.selection_counts(choice) * slope).to_kind(p.kind()).unsqueeze(-3);
        let mean = (p * &share).sum_dim_intlist(-2, true, p.kind());
        _ = dz.g_add_(&(p * (share - mean)));
    }
}
