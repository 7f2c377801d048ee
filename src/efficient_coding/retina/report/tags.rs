//! What every tag means, and which curves belong on one chart.

use crate::lab::log::tensorboard::Chart;

/// Every tag, with one line that explains it.
pub const TAGS: &[(&str, &str)] = &[
    ("terms/z", "mean response before rectification, with output noise: gain (y - threshold) + n"),
    ("terms/r", "mean firing rate over batch and neurons"),
    ("terms/logdet_numerator", "log2 det C_z in bits, mean over the batch"),
    ("terms/logdet_denominator", "log2 det C_zx in bits, mean over the batch"),
    (
        "terms/KL",
        "log2 det C_z - log2 det C_zx in bits, mean over the batch: twice the information",
    ),
    ("terms/loss", "-KL/2 in bits, mean over the batch"),
    ("terms/h", "mean over neurons of the excess h = mean rate - target: signs cancel"),
    ("terms/h_rms", "root of the mean over neurons of h^2, of one batch"),
    ("terms/h_max", "largest |h| of any neuron, of one batch"),
    ("terms/linear_penalty", "sum over neurons of multiplier x h"),
    ("terms/quadratic_penalty", "lagrange: rho / 2 times the sum over neurons of h^2"),
    (
        "terms/MI",
        "mutual information KL/2 in bits; under --legacy-logging the input's entropy more",
    ),
    ("terms/bits_per_spike", "mutual information over the sum of the neurons' mean rates"),
    (
        "terms/KL_before_rate_step",
        "KL of the batch with the gains and thresholds before their step",
    ),
    ("terms/KL_after_rate_step", "the same with those after it, the filters held still"),
    (
        "train/grad_norm",
        "norm of the gradient of all that learns with the filters, before clipping; what two-losses \
         throws away does not count",
    ),
    ("train/param_norm", "norm of all that learns"),
    (
        "train/kernel_variance",
        "spatial variance of the squared filters in pixels^2, mean of neurons",
    ),
    (
        "train/final_loss",
        "the loss that is descended, in bits, centring included; of two losses that of the filters",
    ),
    ("train/Firing_rate_loss", "sum over neurons of h^2, of one batch"),
    ("eval/KL", "KL in bits on held-out patches, every gain set so that its rate is the target"),
    ("eval/MI", "half of eval/KL: mutual information in bits at the target rate; the score"),
    ("eval/bits_per_spike", "eval/MI over the neurons' target rates"),
    ("eval/own_KL", "KL in bits on held-out patches at the model's own gains"),
    ("eval/own_bits_per_spike", "half of it over the mean rates that the model has"),
    ("eval/rate_rms", "rms over neurons of (mean rate on held-out patches - target), own gains"),
    ("eval/rate_max", "largest of these deviations"),
    ("eval/rate_standard_error", "mean over neurons of the standard error of these mean rates"),
    (
        "eval/cosine",
        "mean over neurons of |cos| between the gradients of KL and rate by the filter",
    ),
    (
        "eval/kkt_residual",
        "share of KL's gradient that no multipliers of the rates explain: 0 at best",
    ),
    ("eval/dc", "mean over filters of |sum of weights| / sum of |weights|: 1 for a blob"),
    ("eval/on", "share of filters whose largest weight by magnitude is positive"),
    ("covariance/standard_error", "mean standard error of MI_numerator's entries over batches"),
    ("covariance/batches", "batches of the frozen model in MI_numerator and MI_denominator"),
    ("covariance/off_diagonal", "rms of MI_numerator's entries off its diagonal"),
    (
        "histogram/r",
        "mean rate of each neuron on held-out patches, own gains; the original's under \
                     --legacy-logging",
    ),
    ("histogram/r_standard_error", "standard error of each neuron's mean rate"),
    (
        "histogram/r_stimulus",
        "mean rate over neurons for each patch: what the original has as \
                              histogram/r",
    ),
    ("histogram/gain", "gain of each neuron"),
    ("histogram/bias", "threshold of each neuron"),
    ("histogram/leave_one_out", "what KL would lose without each neuron, in bits"),
    ("histogram/cosine", "cosine between the gradients of KL and rate by each filter"),
    ("histograms/λ", "multiplier of each neuron"),
    ("kernels", "filters; colours L, M, S side by side"),
    ("W_grad", "gradient that the filters descend, each of norm 1"),
    ("W_grad_raw", "the same as it is, in bits"),
    ("W_grad_KL", "gradient of KL by the filters, each of norm 1"),
    ("W_grad_rate", "gradient of each neuron's mean rate by its filter, each of norm 1"),
    ("MI_numerator", "C_z of the frozen model, mean over batches"),
    ("MI_denominator", "C_zx of the frozen model, mean over batches"),
    ("WCxW", "W^T (C_x + sigma_in^2) W: no sample enters it"),
    ("spectra", "eigenvalues of these three"),
    (
        "optim/*",
        "learning rates, and norms of the gradients after --clip-norm, before --clip-value",
    ),
    (
        "time/*",
        "milliseconds of each phase in a step, steps and samples a second; forward ends before the \
                determinants, whose factorisation is a phase of its own",
    ),
    ("figures/*", "the figures of the run's end"),
    ("receptive_fields", "what the analysis of the filters found at the run's end, in words"),
];

/// The charts that put related curves together.
///
/// - rate_step: whether something moves the rates apart from the filters
pub fn charts(rate_step: bool) -> Vec<Chart> {
    // The first evaluation comes before the first log entry.
    let mut charts = vec![
        Chart::lines("information", "mutual information in bits", &["eval/MI", "terms/MI"]),
        Chart::lines(
            "information",
            "bits a spike",
            &["eval/bits_per_spike", "terms/bits_per_spike"],
        ),
        Chart::lines(
            "rates",
            "excess over the target rate",
            &["eval/rate_rms", "terms/h_rms", "terms/h_max"],
        ),
    ];
    if rate_step {
        charts.push(Chart::lines(
            "rates",
            "KL around a rate step",
            &["terms/KL_before_rate_step", "terms/KL_after_rate_step"],
        ));
    }
    charts.push(Chart::lines("optimum", "distance", &["eval/kkt_residual", "eval/cosine"]));
    charts.push(Chart::lines(
        "time",
        "milliseconds a step, determinants",
        &["time/factorization_ms"],
    ));
    charts
}
