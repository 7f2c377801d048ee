//! Named sets of values of `depth_width`.

use crate::lab::Preset;

/// The notebook's tangent, a figure each.
pub const PRESETS: &[Preset] = &[
    Preset {
        name: "depth",
        reason: "depth helps at first, then fails and levels off at ln 10; from He's \
                 initialisation deep networks explode first, and then descend",
        values: r#"{"depths": [1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 24, 32], "inits": ["default", "he"],
            "replicates": 3}"#,
    },
    Preset {
        name: "depth-sgd",
        reason: "the same of plain SGD and narrow layers, where every further layer only slows it",
        values: r#"{"depths": [1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 24, 32], "widths": [64],
            "inits": ["default", "he"], "optimizers": ["sgd"], "lrs": [0.01], "replicates": 3}"#,
    },
    Preset {
        name: "width",
        reason: "the wider, the faster the first descent of SGD",
        values: r#"{"depths": [2], "widths": [4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096,
            8192], "inits": ["default", "he"], "optimizers": ["sgd"], "lrs": [0.01],
            "replicates": 3}"#,
    },
    Preset {
        name: "incredible-widths",
        reason: "one hidden layer of up to 131072 neurons still descends",
        values: r#"{"depths": [1], "widths": [64, 256, 1024, 4096, 16384, 65536, 131072],
            "optimizers": ["sgd"], "lrs": [0.01], "replicates": 3}"#,
    },
    Preset {
        name: "explosion",
        reason: "\"but then explodes\": where Adam's first steps end above their start",
        values: r#"{"depths": [2], "widths": [16, 32, 64, 128, 256, 512, 1024, 2048, 4096],
            "inits": ["default", "he"], "lrs": [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1],
            "replicates": 3}"#,
    },
    Preset {
        name: "explosion-sgd",
        reason: "the same of plain SGD",
        values: r#"{"depths": [2], "widths": [16, 32, 64, 128, 256, 512, 1024, 2048, 4096],
            "inits": ["default", "he"], "optimizers": ["sgd"],
            "lrs": [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0], "replicates": 3}"#,
    },
];
