//! The notebook's runs of a transformer.
//!
//! The notebook says neither its sizes nor its text. Its table of entropies fits d = 256 with
//! embeddings multiplied by the root of d, and its losses a vocabulary of about 4000 words; the
//! presets with K in their names are smaller, for a CPU. All but `large` have 300 steps; the defaults
//! are for a text of some 2000 words.

use crate::lab::Preset;

/// Named sets of values.
pub const PRESETS: &[Preset] = &[
    Preset {
        name: "k1",
        reason: "one computation neuron and none that selects: the notebook's standard model, on the \
                 State of the Union addresses (scripts/data text)",
        values: r#"{"num_computation": 1, "data": "sotu", "vocab": 1000, "sequence": 32,
            "batch_size": 4, "steps": 300, "evaluate_every": 100, "log_every": 20}"#,
    },
    Preset {
        name: "linear-k2",
        reason: "two computation neurons in the linear layers only: the notebook's first version",
        values: r#"{"replace": "linear", "num_computation": 2, "data": "sotu", "vocab": 1000,
            "sequence": 32, "batch_size": 4, "steps": 300, "evaluate_every": 100, "log_every": 20}"#,
    },
    Preset {
        name: "k2",
        reason: "two computation neurons everywhere",
        values: r#"{"num_computation": 2, "data": "sotu", "vocab": 1000, "sequence": 32,
            "batch_size": 4, "steps": 300, "evaluate_every": 100, "log_every": 20}"#,
    },
    Preset {
        name: "k5",
        reason: "five computation neurons: the notebook's monitoring table",
        values: r#"{"num_computation": 5, "data": "sotu", "vocab": 1000, "sequence": 32,
            "batch_size": 4, "steps": 300, "evaluate_every": 100, "log_every": 20}"#,
    },
    Preset {
        name: "k50",
        reason: "fifty computation neurons",
        values: r#"{"num_computation": 50, "data": "sotu", "vocab": 1000, "sequence": 32,
            "batch_size": 4, "steps": 300, "evaluate_every": 100, "log_every": 20}"#,
    },
    Preset {
        name: "k75",
        reason: "75 computation neurons, the most that the notebook's memory had room for",
        values: r#"{"num_computation": 75, "data": "sotu", "vocab": 1000, "sequence": 32,
            "batch_size": 4, "steps": 300, "evaluate_every": 100, "log_every": 20}"#,
    },
    Preset {
        name: "notebook",
        reason: "the sizes that fit the notebook's entropies and losses, at K = 5",
        values: r#"{"d_model": 256, "heads": 8, "feedforward": 512, "vocab": 4000, "data": "sotu",
            "steps": 300, "evaluate_every": 100, "log_every": 20}"#,
    },
    Preset {
        name: "large",
        reason: "352 million parameters at K = 75 in 6.5 GB",
        values: r#"{"d_model": 256, "heads": 8, "feedforward": 512, "vocab": 5000, "data": "sotu",
            "num_computation": 75, "sequence": 32, "batch_size": 2, "steps": 20,
            "evaluate_every": 20, "eval_sequences": 8, "sample_words": 10, "log_every": 5}"#,
    },
    Preset {
        name: "cuda",
        reason: "the notebook's 16 layers at d = 256 and K = 75: 2 billion parameters, for a large \
                 GPU",
        values: r#"{"layers": 16, "d_model": 256, "heads": 8, "feedforward": 1024, "vocab": 5000,
            "data": "sotu", "num_computation": 75, "steps": 300, "evaluate_every": 100, "log_every": 20}"#,
    },
];
