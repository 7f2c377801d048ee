//! Figures of a sweep over time: losses, weights and trajectories of the first seed.

use anyhow::Result;
use tch::{Kind, Tensor};

use super::labels::{evenly_spaced, noise_title};
use crate::lab::figure::{LineFigure, Panels, Series, share_y};
use crate::lab::tensor::to_host;
use crate::steady_state::learning::pretraining::{PretrainMethod, TRACED_CELLS};
use crate::steady_state::learning::stage::SEGMENT_UPDATES;
use crate::steady_state::learning::sweep::Sweep;
use crate::steady_state::trade_off::state::SteadyState;

/// Points that are drawn of a long series at most.
const POINTS: usize = 500;

/// A long series over time, thinned to at most [`POINTS`] points.
pub(crate) fn thinned(label: &str, values: &[f64]) -> Series {
    let stride = values.len().div_ceil(POINTS).max(1);
    let kept = values.iter().enumerate().step_by(stride);
    let (x, y) = kept.map(|(t, value)| (t as f64, *value)).unzip();
    Series::new(label, x, y)
}

/// A panel of values over time.
pub(crate) fn panel(title: &str, y_label: &str, y_log: bool, series: Vec<Series>) -> LineFigure {
    LineFigure { y_log, ..LineFigure::new(title, "time (s)", y_label, series) }
}

/// The pre-training of the first seed: its task loss as a whole and at the beginning, and weights.
pub(super) fn pretraining(run: &SteadyState) -> Result<Panels> {
    let sweep = &run.sweep;
    let stage = &sweep.pretraining.stage;
    let (mut whole, mut begin) = (Vec::new(), Vec::new());
    let sizes = evenly_spaced(sweep.axes.expansions.len());
    for size in &sizes {
        let label = format!("q = {}", sweep.axes.expansions[*size]);
        let losses = to_host::values(&stage.losses.get(0).get(*size as i64).get(0).get(0))?;
        whole.push(thinned(&label, &losses));
        begin.push(thinned(&label, &losses[..losses.len().min(401)]));
    }
    let q = sweep.axes.expansions[0];
    Ok(Panels {
        title: "Pre-training".into(),
        subtitle: format!("first seed, {}", method_name(run.config.pretrain)),
        columns: 3,
        panels: vec![
            panel("Task loss, the whole", "task loss", true, whole),
            panel("Task loss, first 400 s", "task loss", true, begin),
            panel(
                &format!("Weights of the first cells, q = {q}"),
                "weight",
                false,
                pretraining_weights(sweep, 0)?,
            ),
        ],
    })
}

/// Weights of the first cells of a seed's smallest network in pre-training.
pub(crate) fn pretraining_weights(sweep: &Sweep, seed: i64) -> Result<Vec<Series>> {
    let trace = sweep.pretraining.trace.get(seed).select(1, 0);
    let last = sweep.pretraining.stage.seconds;
    let x: Vec<f64> =
        (0..trace.size()[0]).map(|row| (row * SEGMENT_UPDATES).min(last) as f64).collect();
    let curve = |cell: i64| {
        let path = to_host::values(&trace.select(1, cell))?;
        // Shades, since the palette's colours are those of the expansions.
        let shade = Some(cell as f64 / (TRACED_CELLS - 1).max(1) as f64);
        Ok(Series { shade, ..Series::new(&format!("cell {}", cell + 1), x.clone(), path) })
    };
    (0..TRACED_CELLS).map(curve).collect()
}

/// The pre-training's name in a figure.
fn method_name(method: PretrainMethod) -> &'static str {
    match method {
        PretrainMethod::Lms => "online LMS",
        PretrainMethod::GdClosedForm | PretrainMethod::GdIterated => "gradient descent",
        PretrainMethod::Exact => "the minimum at once",
    }
}

/// Task loss of the first seed's runs from w*, which shows whether it is steady.
pub(super) fn steady_runs(sweep: &Sweep) -> Result<Panels> {
    let sizes = sweep.axes.expansions.len();
    let mut panels = Vec::new();
    for ratio in 0..sweep.axes.ratios.len() {
        for size in [0, sizes - 1] {
            let mut series = Vec::new();
            for index in evenly_spaced(sweep.axes.gammas.len()) {
                let rule = sweep.axes.rule(ratio, index);
                let losses = sweep.steady.losses.get(0).get(size as i64).get(0).get(rule as i64);
                let gamma = sweep.axes.gamma(index, size);
                series.push(thinned(&format!("γ = {gamma:.4}"), &to_host::values(&losses)?));
            }
            let q = sweep.axes.expansions[size];
            let title = format!("q = {q}, {}", noise_title(&sweep.axes, ratio));
            panels.push(panel(&title, "task loss", true, series));
        }
    }
    // Sizes are compared under the same noise.
    panels.chunks_mut(2).for_each(share_y);
    let title = "Learning from w*".into();
    Ok(Panels { title, subtitle: "first seed".into(), columns: 2, panels })
}

/// The trajectory of the first seed's smallest network before learning and with w*.
pub(super) fn trajectory(run: &SteadyState) -> Result<Panels> {
    let sweep = &run.sweep;
    let group = &sweep.groups[0];
    let segment = group.setup.segment(0, run.config.loss_seconds.min(100));
    let rest = segment.state.select(1, 0).zeros_like();
    let trace = group.setup.trace(&segment, &rest).get(0);
    let columns = trace.size()[1] - 1;
    let dt = run.config.dt;
    let time = Tensor::arange(trace.size()[0], (Kind::Double, trace.device())) * dt;
    let reference = to_host::values(&group.setup.granule.signals(&time).reference.get(0))?;
    let x: Vec<f64> = to_host::values(&time)?;
    let mut panels = Vec::new();
    let weights = [
        ("before learning", sweep.initial()),
        ("with w*", sweep.pretraining.optimum.shallow_clone()),
    ];
    for (title, weights) in weights {
        let error =
            trace.narrow(1, 0, columns).matmul(&weights.get(0).get(0)) + trace.select(1, columns);
        let y = to_host::values(&error)?.iter().zip(&reference).map(|(e, r)| e + r).collect();
        let wanted =
            Series { dashed: true, ..Series::new("reference", x.clone(), reference.clone()) };
        let series = vec![Series::new("plant", x.clone(), y), wanted];
        panels.push(panel(title, "position", false, series));
    }
    share_y(&mut panels);
    let q = sweep.axes.expansions[0];
    let subtitle = format!("first seed, q = {q}, frozen weights");
    Ok(Panels { title: "Trajectory".into(), subtitle, columns: 2, panels })
}
