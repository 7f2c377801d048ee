//! Runs whose steps are counted, and what each of their steps may ask of the device.

/// A run whose steps are counted, and what each of them may cost.
pub struct Case {
    pub experiment: &'static str,
    /// Flags, and those whose value is doubled for the longer run.
    pub fixed: &'static str,
    pub doubled: &'static [(&'static str, u64)],
    /// The most launches a step.
    pub launches: f64,
    /// What it is called in the table of `docs/performance.md`.
    pub row: &'static str,
}

const STEADY: &str = "--loss-seconds 60 --steady-window 20 --pretrain-seconds 60";

/// Of `one_neuron`.
const RECORDS: [(&str, u64); 4] =
    [("--steps", 100), ("--log-every", 50), ("--record-every", 50), ("--evaluate-every", 100)];

pub const CASES: [Case; 16] = [
    Case {
        experiment: "selector_mnist",
        fixed: "--data digits --batch-size 4",
        doubled: &[("--steps", 40), ("--log-every", 20)],
        launches: 40.0,
        row: "`selector_mnist` 64,64, K = 2",
    },
    Case {
        experiment: "selector_mnist",
        fixed: "--data digits --batch-size 4 --num-computation 50 --compute streaming \
                --explore gumbel --balance bias",
        doubled: &[("--steps", 10), ("--log-every", 5)],
        launches: 84.0,
        row: "`selector_mnist` 64,64, K = 50, streaming, Gumbel noise, balance bias",
    },
    Case {
        experiment: "selector_continual",
        fixed: "--data digits --hidden 16,16 --method ewc --batch-size 32 --fisher-samples 40 \
                --probe-samples 40",
        doubled: &[("--epochs", 1), ("--log-every", 3)],
        launches: 55.0,
        row: "`selector_continual` 16,16, `ewc`",
    },
    Case {
        experiment: "selector_continual",
        fixed: "--data digits --hidden 16,16 --method replay --memory 20 --batch-size 32 \
                --probe-samples 40",
        doubled: &[("--epochs", 1), ("--log-every", 3)],
        launches: 56.2,
        row: "`selector_continual` 16,16, `replay`",
    },
    Case {
        experiment: "selector_transformer",
        fixed: "--layers 2 --d-model 16 --heads 2 --feedforward 24 --vocab 150 --sequence 12 \
                --batch-size 4 --eval-sequences 6 --sample-words 5",
        doubled: &[("--steps", 20), ("--log-every", 10), ("--evaluate-every", 20)],
        launches: 262.0,
        row: "`selector_transformer`, 2 layers",
    },
    Case {
        experiment: "depth_width",
        fixed: "--data digits --depths 1,3 --widths 16",
        doubled: &[("--descent-steps", 10)],
        launches: 25.0,
        row: "`depth_width`, a network",
    },
    Case {
        experiment: "one_neuron",
        fixed: "--engine tensors --optimizer adam --lr 0.05",
        doubled: &RECORDS,
        launches: 57.0,
        row: "`one_neuron`, tensors, Adam",
    },
    Case {
        experiment: "one_neuron",
        fixed: "--engine tensors --gradient correct,per-sample-1.1.3,package-1.1.5 --optimizer sgd,adam \
                --lr 0.05",
        doubled: &RECORDS,
        launches: 284.0,
        row: "`one_neuron`, tensors, three gradient rules and two optimizers",
    },
    Case {
        experiment: "steady_state",
        fixed: STEADY,
        doubled: &[("--train-seconds", 120), ("--steady-seconds", 120), ("--log-every", 2)],
        launches: 535.0,
        row: "`steady_state`, a page of updates",
    },
    Case {
        experiment: "steady_state_theory",
        fixed: STEADY,
        doubled: &[("--train-seconds", 120), ("--steady-seconds", 120), ("--log-every", 2)],
        launches: 545.0,
        row: "`steady_state_theory`, a page of updates",
    },
    Case {
        experiment: "steady_state_init",
        fixed: STEADY,
        doubled: &[("--train-seconds", 120), ("--steady-seconds", 120), ("--log-every", 2)],
        launches: 429.0,
        row: "`steady_state_init`, a page of updates",
    },
    Case {
        experiment: "apical_toy",
        fixed: "--trials 50",
        doubled: &[("--steps", 40), ("--log-every", 20)],
        launches: 153.0,
        row: "`apical_toy`",
    },
    Case {
        experiment: "apical_train",
        fixed: "--data digits --hidden 24,16 --epochs 2",
        doubled: &[("--steps-per-phase", 12), ("--log-every", 12)],
        launches: 26.0,
        row: "`apical_train`",
    },
    Case {
        experiment: "apical_characterize",
        fixed: "--data digits --hidden 16,12 --grid-batch 1,60 --grid-lr 0.001,0.1",
        doubled: &[("--steps", 4), ("--log-every", 2)],
        launches: 156.0,
        row: "`apical_characterize`",
    },
    Case {
        experiment: "efficient_coding",
        fixed: "--kernel-size 6 --neurons 8 --batch-size 32 --eval-patches 256 \
                --covariance-batches 5 --image-every 0 --lr 0.01",
        doubled: &[("--steps", 20), ("--log-every", 10), ("--evaluate-every", 20)],
        launches: 71.0,
        row: "`efficient_coding`, `lagrange`",
    },
    Case {
        experiment: "two_loss_toy",
        fixed: "--map-size 3 --map-steps 20",
        doubled: &[("--steps", 400), ("--log-every", 200), ("--print-every", 200)],
        launches: 0.0,
        row: "`two_loss_toy`, on the host",
    },
];
