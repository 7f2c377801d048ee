//! Settings of `apical_characterize`.

use clap::Args;
use serde::{Deserialize, Serialize};

use crate::apical::analysis::sample_gradients::GradientRecord;
use crate::apical::learning::multipliers::AReduce;
use crate::apical::learning::rule::Pre;
use crate::apical::network_config::{NetworkConfig, validate_cap, validate_rates};
use crate::lab::{Config, Refusals, RunConfig};

/// Settings of `apical_characterize`.
#[derive(Debug, Clone, Args, Serialize, Deserialize)]
#[command(next_help_heading = "Model")]
pub struct CharacterizeConfig {
    /// The networks
    #[command(flatten)]
    #[serde(flatten)]
    pub model: NetworkConfig,
    /// Learning rates of the map
    #[arg(long, value_delimiter = ',', value_name = "LR,LR,...",
        default_values_t = [1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0])]
    pub grid_lr: Vec<f64>,
    /// Batch sizes of the map
    #[arg(long, value_delimiter = ',', value_name = "N,N,...",
        default_values_t = [1, 2, 60, 300, 1000, 3000, 6000])]
    pub grid_batch: Vec<i64>,
    /// How the gradients of phase 1's batches become one, in the map
    #[arg(long, value_enum, default_value = "sum")]
    pub a_reduce: AReduce,
    /// Of which gradients the histograms and their statistics are
    #[arg(long, value_enum, default_value = "single")]
    pub gradients: GradientRecord,
    /// Half the width of the histograms
    #[arg(long, default_value_t = 1.0)]
    pub range: f64,
    /// Step of phase 1 down the mean gradient, before phase 2
    #[arg(long, default_value_t = 0.3)]
    pub lr_a: f64,
    /// Learning rate of phase 2
    #[arg(long, default_value_t = 3e-4)]
    pub lr_w: f64,
    /// Samples in a batch of phase 2
    #[arg(long, default_value_t = 100)]
    pub batch_size: i64,
    /// Rate of the presynaptic neuron in the rule
    #[arg(long, value_enum, default_value = "modulated")]
    pub pre: Pre,
    /// A network whose loss is above this in phase 2 has diverged: it is frozen, and the others go
    /// on
    #[arg(long, default_value_t = 1e6)]
    pub cap: f64,
}

impl Config for CharacterizeConfig {
    fn resolve(&mut self, _run: &RunConfig, refusals: &mut Refusals) {
        self.model.validate(refusals);
        validate_rates("grid-lr", &self.grid_lr, refusals);
        validate_rates("lr-a", &[self.lr_a], refusals);
        validate_rates("lr-w", &[self.lr_w], refusals);
        validate_cap(self.cap, refusals);
        let batches = !self.grid_batch.is_empty() && self.grid_batch.iter().all(|batch| *batch > 0);
        refusals.unless(batches, || "--grid-batch: expected numbers of samples, 1 or more".into());
        let (batch, range) = (self.batch_size, self.range);
        refusals.unless(batch > 0, || format!("--batch-size {batch}: expected 1 or more"));
        refusals.unless(range > 0.0, || format!("--range {range}: expected a positive number"));
    }
}
