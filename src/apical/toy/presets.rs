//! The notebook's figures as settings: only what differs from the defaults, with the reason.

use crate::lab::Preset;

/// Presets of `apical_toy`.
pub const PRESETS: &[Preset] = &[
    Preset {
        name: "learning-rule",
        reason: "the notebook's layer (the defaults): a in [0, 1) always goes to zero, a from \
                 a Gaussian not always",
        values: "{}",
    },
    Preset {
        name: "large-step",
        reason: "eta 1: where the bound on the step matters; linear layers diverge at a < 1, \
                 rectified ones never",
        values: r#"{"eta": 1.0}"#,
    },
];
