//! The notebook's runs of a transformer.
//!
//! The notebook says neither its sizes nor its text. Its table of entropies fits d = 256 with
//! embeddings multiplied by the root of d, and its losses a vocabulary of about 4000 words; the
//! presets but `notebook` are smaller, for a CPU.

use crate::lab::Preset;

/// Named sets of values.
pub const PRESETS: &[Preset] = &[
    Preset {
        name: "base",
        reason: "plain linear layers, the notebook's standard model, on the State of the Union \
                 addresses (scripts/data text)",
        values: r#"{"replace": "none", "data": "sotu", "vocab": 1000}"#,
    },
    Preset {
        name: "k1",
        reason: "one computation neuron and none that selects: the standard model once more",
        values: r#"{"num_computation": 1, "data": "sotu", "vocab": 1000}"#,
    },
    Preset {
        name: "linear-k2",
        reason: "two computation neurons in the linear layers only: the notebook's first version",
        values: r#"{"replace": "linear", "num_computation": 2, "data": "sotu", "vocab": 1000}"#,
    },
    Preset {
        name: "k2",
        reason: "two computation neurons everywhere",
        values: r#"{"num_computation": 2, "data": "sotu", "vocab": 1000}"#,
    },
    Preset {
        name: "k5",
        reason: "five computation neurons: the notebook's monitoring table",
        values: r#"{"num_computation": 5, "data": "sotu", "vocab": 1000}"#,
    },
    Preset {
        name: "k50",
        reason: "fifty computation neurons",
        values: r#"{"num_computation": 50, "data": "sotu", "vocab": 1000}"#,
    },
    Preset {
        name: "k75",
        reason: "75 computation neurons, the most that the notebook's memory had room for",
        values: r#"{"num_computation": 75, "data": "sotu", "vocab": 1000}"#,
    },
];
