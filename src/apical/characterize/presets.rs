//! The notebook's figures as settings: only what differs from the defaults, with the reason.

use crate::lab::Preset;

/// Presets of `apical_characterize`.
pub const PRESETS: &[Preset] = &[
    Preset {
        name: "loss-drop",
        reason: "the notebook's map of the loss drop, whose rows differ: gradients summed over \
                 batches (the defaults)",
        values: "{}",
    },
    Preset {
        name: "loss-drop-text",
        reason: "the same with the mean of the notebook's formula: all rows are equal",
        values: r#"{"a_reduce": "mean"}"#,
    },
    Preset {
        name: "gradients-uncleared",
        reason: "the notebook's histogram spans ±1000, with no negative value of an output neuron: \
                 a gradient that is never cleared",
        values: r#"{"gradients": "uncleared", "range": 1000.0}"#,
    },
];
