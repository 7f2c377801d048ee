//! Named sets of values of `selector_continual`.

use crate::lab::Preset;

/// The notebook's two rows, and the comparison at equal parameters.
pub const PRESETS: &[Preset] = &[
    Preset {
        name: "notebook-base",
        reason: "the notebook's \"base model\" on split MNIST, one epoch a task, nothing done \
                 against forgetting",
        values: r#"{"num_computation": 1}"#,
    },
    Preset {
        name: "notebook-ewc",
        reason: "what fits the notebook's \"EWC base\" best: permuted MNIST under a penalty so \
                 strong that later tasks can't be learnt",
        values: r#"{"num_computation": 1, "benchmark": "permuted", "method": "ewc", "lambda": 1e4}"#,
    },
    Preset {
        name: "permuted-mlp-64",
        reason: "permuted MNIST, a perceptron of the selector networks' width",
        values: r#"{"num_computation": 1, "benchmark": "permuted"}"#,
    },
    Preset {
        name: "permuted-mlp-400",
        reason: "permuted MNIST, the perceptron of the literature: 479 thousand parameters",
        values: r#"{"num_computation": 1, "benchmark": "permuted", "hidden": [400, 400]}"#,
    },
    Preset {
        name: "permuted-mlp-440",
        reason: "permuted MNIST, a perceptron of as many parameters as permuted-k5: 544 thousand",
        values: r#"{"num_computation": 1, "benchmark": "permuted", "hidden": [440, 440]}"#,
    },
    Preset {
        name: "permuted-k5",
        reason: "permuted MNIST, five computation neurons, softmax selector: 545 thousand parameters",
        values: r#"{"benchmark": "permuted", "num_computation": 5}"#,
    },
    Preset {
        name: "permuted-k2",
        reason: "permuted MNIST, two computation neurons, the sign that descends the loss",
        values: r#"{"benchmark": "permuted"}"#,
    },
    Preset {
        name: "permuted-as-printed",
        reason: "permuted MNIST, two computation neurons, the notebook's sign",
        values: r#"{"benchmark": "permuted", "ste_sign": "as-printed"}"#,
    },
];
