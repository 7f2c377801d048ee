//! Named sets of values.

use crate::lab::Preset;

/// The runs of the notebook's stages and of what followed.
pub const PRESETS: &[Preset] = &[
    Preset {
        name: "attempt-1",
        reason: "the first attempt: sines without phases, pre-training of 400 s: small learning \
                 steps look worse than large ones",
        values: r#"{"reference": "sines", "pretrain_seconds": 400, "snr": ["none"]}"#,
    },
    Preset {
        name: "attempt-2",
        reason: "the second attempt: random phases, pre-training of 10 000 s",
        values: r#"{"reference": "sines-phase", "snr": ["none"]}"#,
    },
    Preset {
        name: "gradient-descent",
        reason: "the second attempt with gradient descent for 5000 steps instead",
        values: r#"{"reference": "sines-phase", "snr": ["none"], "pretrain": "gd-closed-form",
                    "pretrain_seconds": 5000}"#,
    },
    Preset {
        name: "exact",
        reason: "the steady state from the minimum itself: what the pre-training was for",
        values: r#"{"pretrain": "exact"}"#,
    },
    Preset {
        name: "long",
        reason: "steady-state runs of 5000 s, training of 500 s, as in the later simulations",
        values: r#"{"pretrain": "exact", "train_seconds": 500, "steady_seconds": 5000}"#,
    },
    Preset {
        name: "optimal-speed",
        reason: "steps of up to γ q = 1, past the fastest that does not diverge: the notebook's \
                 first issue",
        values: r#"{"reference": "sines", "snr": ["none"], "pretrain": "exact",
                    "gamma_exponent": 1.0, "gammas": [0.002, 0.0026, 0.0034, 0.0045, 0.0059, 0.0077,
                    0.0101, 0.0133, 0.0174, 0.0228, 0.0302, 0.0391, 0.0512, 0.067, 0.088, 0.115,
                    0.151, 0.198, 0.26, 0.34, 0.45, 0.58, 0.76, 1.0]}"#,
    },
    Preset {
        name: "original-notebook",
        reason: "the setting of the authors' own notebook on LMS: 40 cells, slower reference, other \
                 gains, more noise",
        values: r#"{"expansions": [4], "cutoff": 0.2, "snr": ["2"], "gammas": [0.02, 0.14],
                    "train_seconds": 500, "kp": 0.15, "ki": 0.15, "kd": 0.15, "rc": 0.0}"#,
    },
    Preset {
        name: "ornstein-uhlenbeck",
        reason: "a random reference without any period",
        values: r#"{"reference": "ou"}"#,
    },
];
