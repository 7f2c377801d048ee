//! The notebook's runs of the toy.

use crate::lab::Preset;

/// Every preset of `two_loss_toy`.
pub const PRESETS: &[Preset] = &[
    Preset {
        name: "notebook",
        reason: "the notebook's toy (the defaults): 1000 iterations, which are too few",
        values: "{}",
    },
    Preset {
        name: "long",
        reason: "the notebook's toy until it stands still",
        values: r#"{"steps": 5000, "print_every": 500}"#,
    },
    Preset {
        name: "second",
        reason: "the authors' later toy: another start and target, and larger steps",
        values: r#"{"start": [1.5, 0.0], "top": [0.0, 0.0], "target": 1.0, "lr": 0.1,
            "steps": 10000, "print_every": 1000}"#,
    },
    Preset {
        name: "coupled",
        reason: "a constraint that involves both coordinates: two losses end far from the \
                 optimum, a multiplier does not",
        values: r#"{"constraint": "sum", "start": [1.2, 1.0], "steps": 400000,
            "print_every": 50000, "log_every": 1000}"#,
    },
];
