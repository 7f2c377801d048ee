//! Which parameters a penalty protects.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use tch::{Tensor, no_grad_guard};

use crate::lab::tensor::params::Params;

/// Which parameters a penalty pulls towards where earlier tasks left them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protect {
    /// All of them
    All,
    /// The selection neurons alone
    Selectors,
    /// All but the selection neurons: the computation neurons and the read-out
    Computation,
}

impl Protect {
    /// 1 for each parameter that is protected and 0 for the others: `[replicate, parameter]`. None
    /// where all are.
    pub fn mask(self, params: &Params) -> Option<Tensor> {
        let of_selectors = match self {
            Self::All => return None,
            Self::Selectors => true,
            Self::Computation => false,
        };
        let _guard = no_grad_guard();
        let mask = params.values.zeros_like();
        for (name, mut view) in params.views(&mask) {
            if is_selector(&name) == of_selectors {
                let _ = view.fill_(1.0);
            }
        }
        Some(mask)
    }
}

/// Whether a layer selects by this parameter: the low-rank selector has a projection besides.
fn is_selector(name: &str) -> bool {
    name.split('.').any(|part| ["selection", "projection"].contains(&part))
}
