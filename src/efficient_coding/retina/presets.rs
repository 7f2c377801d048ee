//! The notebook's runs.

use crate::lab::Preset;

/// Every preset of `efficient_coding`.
pub const PRESETS: &[Preset] = &[
    Preset {
        name: "small",
        reason: "8x8 pixels, 32 neurons: a comparison of constraints in about a minute each",
        values: r#"{"kernel_size": 8, "neurons": 32, "lr": 0.01, "steps": 8000, "log_every": 50}"#,
    },
    Preset {
        name: "lagrange",
        reason: "the notebook's reference run (the defaults)",
        values: "{}",
    },
    Preset {
        name: "two-losses-1",
        reason: "the notebook's Two_losses, both learning rates equal",
        values: r#"{"constraint": "two-losses", "rate_lr_multiplier": 1}"#,
    },
    Preset {
        name: "two-losses-10",
        reason: "the rates learn 10 times as fast as the filters: the notebook's own default",
        values: r#"{"constraint": "two-losses", "rate_lr_multiplier": 10}"#,
    },
    Preset {
        name: "two-losses-100",
        reason: "the rates learn 100 times as fast as the filters",
        values: r#"{"constraint": "two-losses", "rate_lr_multiplier": 100}"#,
    },
    Preset {
        name: "gamma-v1",
        reason: "the notebook's first Gamma, with Adam as in its December",
        values: r#"{"constraint": "gamma-v1", "optimizer": "adam"}"#,
    },
    Preset {
        name: "gamma-v2",
        reason: "the notebook's second Gamma, with Adam as in its December",
        values: r#"{"constraint": "gamma-v2", "optimizer": "adam"}"#,
    },
    Preset {
        name: "exact",
        reason: "the notebook's reference model with its gain eliminated",
        values: r#"{"constraint": "exact"}"#,
    },
    Preset {
        name: "colour-300",
        reason: "300 neurons and three colours, a learning rate that halves every 500 000 steps; \
                 for a GPU",
        values: r#"{"neurons": 300, "colours": 3, "shape": "difference-of-gaussian", "lr": 0.01,
                    "steps": 2000000, "schedule": "step", "decay_steps": 500000,
                    "decay_factor": 0.5, "jitter_start": 500000, "jitter_stop": 800000,
                    "centring_start": 500000, "centring_stop": 800000}"#,
    },
];
