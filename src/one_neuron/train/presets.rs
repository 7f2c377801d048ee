//! Named sets of values.

use crate::lab::Preset;

/// The figures of the notebook, and what answers its question.
pub const PRESETS: &[Preset] = &[
    Preset {
        name: "notebook",
        reason: "the notebook's three figures (given against modified, before, after): every \
                 optimizer with every gradient at its learning rate, over 20 seeds",
        values: r#"{"evaluate_every": 2000, "optimizer": ["sgd", "sgd-plus", "adam"], "replicates": 20,
            "gradient": ["correct", "averaged", "averaged-x2"]}"#,
    },
    Preset {
        name: "table",
        reason: "the same at 1e-3 and at 5e-2, the rate that the notebook also tried",
        values: r#"{"optimizer": ["sgd", "sgd-plus", "adam"], "lr": [0.001, 0.05],
            "gradient": ["correct", "averaged", "averaged-x2"], "replicates": 20}"#,
    },
    Preset {
        name: "batch-law",
        reason: "what averaging too early costs as the batch grows: 20000 steps at 5e-2, where \
                 both rules have converged as far as they do",
        values: r#"{"batch_size": [1, 2, 8, 32, 128], "gradient": ["correct", "averaged-x2"],
            "lr": [0.05], "steps": 20000, "replicates": 20}"#,
    },
    Preset {
        name: "sign",
        reason: "the wrong sign of versions 1.1.3 to 1.1.5, at both learning rates",
        values: r#"{"gradient": ["correct", "averaged", "per-sample-1.1.3", "package-1.1.5"],
            "lr": [0.001, 0.05], "replicates": 20}"#,
    },
    Preset {
        name: "package",
        reason: "the package's version 1.1.2 draw for draw, first record included",
        values: r#"{"gradient": ["averaged"], "rng": "package", "columns": "hash0",
            "first_record_quirk": true}"#,
    },
    Preset {
        name: "multi",
        reason: "the package's network of 4-2-1 neurons by the true gradient and by its own",
        values: r#"{"model": "multi", "optimizer": ["sgd", "sgd-plus", "adam"],
            "gradient": ["correct", "averaged"], "lr": [0.001, 0.05], "replicates": 10}"#,
    },
];
