//! The notebook's figures as settings: only what differs from the defaults, with the reason.

use crate::lab::Preset;

/// Presets of `apical_train`.
pub const PRESETS: &[Preset] = &[
    Preset {
        name: "text",
        reason: "the notebook's text: the mean over batches, a = 1 at the start of each phase 1",
        values: "{}",
    },
    Preset {
        name: "sweep",
        reason: "20 curves over 100 epochs at batch size 30; their zero slope at the start, slow \
                 rebounds and growing variances need a velocity",
        values: r#"{"lr_a": [0.001, 0.01, 0.03, 0.1], "lr_w": [1e-6, 3e-6, 1e-5, 3e-5, 1e-4],
                    "a_update": "momentum:0.9"}"#,
    },
    Preset {
        name: "sweep-cosine",
        reason: "the same with both learning rates falling as a cosine",
        values: r#"{"lr_a": [0.001, 0.01, 0.03, 0.1], "lr_w": [1e-6, 3e-6, 1e-5, 3e-5, 1e-4],
                    "a_update": "momentum:0.9", "schedule": "cosine"}"#,
    },
    Preset {
        name: "sweep-bs1",
        reason: "the same at batch size 1, 30 epochs",
        values: r#"{"lr_a": [0.001, 0.01, 0.03, 0.1], "lr_w": [3e-8, 1e-7, 3e-7, 1e-6, 3e-6],
                    "a_update": "momentum:0.9", "batch_size": 1, "epochs": 30}"#,
    },
    Preset {
        name: "multi",
        reason: "one phase 1 for six phases 2, at batch size 1 as in the figure",
        values: r#"{"lr_a": [0.03], "lr_w": [1e-7], "a_update": "momentum:0.9", "batch_size": 1,
                    "phase2_per_phase1": 6, "epochs": 12}"#,
    },
    Preset {
        name: "single",
        reason: "one phase 1, then phase 2 until the explosion",
        values: r#"{"lr_a": [0.3], "lr_w": [6e-6], "single_phase1": true}"#,
    },
    Preset {
        name: "variance",
        reason: "one phase 1 and one phase 2 an epoch: the variance of the multipliers",
        values: r#"{"lr_a": [0.03], "lr_w": [3e-6], "a_update": "momentum:0.9", "epochs": 23}"#,
    },
    Preset {
        name: "variance-multi",
        reason: "the same with six phases 2 an epoch",
        values: r#"{"lr_a": [0.03], "lr_w": [3e-6], "a_update": "momentum:0.9", "epochs": 12,
                    "phase2_per_phase1": 6}"#,
    },
];
