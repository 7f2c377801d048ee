//! Named sets of values of `selector_mnist`.

use crate::lab::Preset;

/// The runs of the notebook, and the same with one thing changed.
pub const PRESETS: &[Preset] = &[
    Preset {
        name: "as-printed",
        reason: "the notebook's neuron, whose straight-through gradient has the wrong sign: its \
                 92.6 % and 93.1 %, its cosine from 0.1 to 0.2",
        values: r#"{"ste_sign": "as-printed"}"#,
    },
    Preset {
        name: "consistent",
        reason: "the same neuron with the sign that descends the loss (the defaults)",
        values: "{}",
    },
    Preset {
        name: "digits",
        reason: "the digits that are in the program, with settings of their own: of 1437 images the \
                 defaults make too few steps (93.8 % where they reach 28 %)",
        values: r#"{"data": "digits", "lr": 0.3, "batch_size": 16, "epochs": 20}"#,
    },
    Preset {
        name: "k1",
        reason: "one computation neuron: a plain multilayer perceptron",
        values: r#"{"num_computation": 1, "selector": "none"}"#,
    },
    Preset {
        name: "k2",
        reason: "two computation neurons, softmax selector",
        values: r#"{"num_computation": 2, "selector": "softmax"}"#,
    },
    Preset {
        name: "k3",
        reason: "three computation neurons",
        values: r#"{"num_computation": 3, "selector": "softmax"}"#,
    },
    Preset {
        name: "k4",
        reason: "four computation neurons",
        values: r#"{"num_computation": 4, "selector": "softmax"}"#,
    },
    Preset {
        name: "k5",
        reason: "five computation neurons",
        values: r#"{"num_computation": 5, "selector": "softmax"}"#,
    },
    Preset {
        name: "hidden-as-printed",
        reason: "the notebook's other rule: the gradient to a layer's input skips the selector",
        values: r#"{"rule": "hidden", "ste_sign": "as-printed"}"#,
    },
    Preset {
        name: "frozen",
        reason: "selectors that keep their random initial weights",
        values: r#"{"rule": "frozen"}"#,
    },
    Preset {
        name: "soft",
        reason: "the mixture of two computation neurons, no selection",
        values: r#"{"rule": "soft", "num_computation": 2, "selector": "softmax"}"#,
    },
    Preset {
        name: "selected-only-k2",
        reason: "only what was selected is computed and learns; two computation neurons",
        values: r#"{"rule": "selected-only", "num_computation": 2, "selector": "softmax"}"#,
    },
    Preset {
        name: "selected-only-k5",
        reason: "the same with five",
        values: r#"{"rule": "selected-only", "num_computation": 5, "selector": "softmax"}"#,
    },
    Preset {
        name: "switch-k2",
        reason: "the output is scaled by the selected one's probability; two computation neurons",
        values: r#"{"rule": "switch", "num_computation": 2, "selector": "softmax"}"#,
    },
    Preset {
        name: "switch-k5",
        reason: "the same with five",
        values: r#"{"rule": "switch", "num_computation": 5, "selector": "softmax"}"#,
    },
    Preset {
        name: "mlp-equal",
        reason: "a plain perceptron with as many parameters (164 230) as two computation neurons and a \
                 threshold have (163 850)",
        values: r#"{"num_computation": 1, "selector": "none", "hidden": [170, 170]}"#,
    },
];
