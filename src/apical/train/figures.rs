//! Figures of two-phase training.

use super::state::ApicalTrain;
use crate::apical::learning::cycle::LrSchedule;
use crate::lab::counts::counted;
use crate::lab::figure::{LineFigure, Panels, Reference, Series, Stroke};
use crate::lab::log::run_log::Log;

/// Draws `training`: loss, accuracy, and what the multipliers do.
pub fn draw(run: &ApicalTrain, log: &mut Log, step: u64) {
    let panels = training(run, log);
    log.draw("training", step, &panels);
}

/// Epochs in a training step.
fn epochs(run: &ApicalTrain) -> f64 {
    1.0 / (run.cycle.steps_per_phase * run.cycle.phases_per_epoch()) as f64
}

/// The tag of one run's quantity; a run that is alone has no number.
fn tag(run: &ApicalTrain, i: usize, what: &str) -> String {
    match (run.rates.len() > 1, what.strip_prefix("eval/")) {
        (true, Some(short)) => format!("run{i}/{short}"),
        (true, None) => format!("run{i}/{what}"),
        (false, _) => what.to_string(),
    }
}

/// One curve for each run; a loss begins with the value before the first phase 1.
fn curves(run: &ApicalTrain, log: &Log, what: &str) -> Vec<Series> {
    let scale = epochs(run);
    let curve = |i: usize| {
        let points = log.history(&tag(run, i, what)).iter();
        let mut points: Vec<(f64, f64)> = points.map(|(t, v)| (*t as f64 * scale, *v)).collect();
        if what == "eval/loss"
            && let Some((_, first)) = log.history(&tag(run, i, "phase1/loss_before")).first()
        {
            points.insert(0, (0.0, *first));
        }
        let (x, y) = points.into_iter().unzip();
        let Look { label, unlisted, colour, dashed } = look(run, i);
        Series { colour: Some(colour), dashed, unlisted, ..Series::new(&label, x, y) }
    };
    (0..run.rates.len()).map(curve).collect()
}

/// How the curve of a run looks.
struct Look {
    label: String,
    /// Another curve has the entry in the legend.
    unlisted: bool,
    /// Number of the colour in the palette.
    colour: usize,
    dashed: bool,
}

/// One colour for each seed of a single pair of learning rates, else one for each lr_a, whose first
/// curve has the name. The second of two lr_w is dashed.
fn look(run: &ApicalTrain, i: usize) -> Look {
    let (config, rates) = (&run.config, run.rates[i]);
    let alone =
        |label: String, colour: usize| Look { label, unlisted: false, colour, dashed: false };
    match (run.rates.len(), config.pairs().len()) {
        (1, _) => alone(String::new(), 0),
        (_, 1) => alone(format!("network {i}"), i),
        _ => {
            let first = run.rates.iter().position(|other| other.a == rates.a) == Some(i);
            let rest = format!("lr_a {}, lr_w {:e}", rates.a, rates.w);
            Look {
                label: if first { format!("lr_a {}", rates.a) } else { rest },
                unlisted: !first,
                colour: config.lr_a.iter().position(|lr| *lr == rates.a).unwrap_or(0),
                dashed: config.lr_w.len() == 2 && rates.w == config.lr_w[1],
            }
        }
    }
}

/// Markers where the curves of exploded runs end.
fn ends(run: &ApicalTrain, log: &Log, curves: &[Series]) -> Option<Series> {
    let exploded = |i: &usize| !log.history(&format!("run{i}/exploded_at")).is_empty();
    let last = |i: usize| Some((*curves[i].x.last()?, *curves[i].y.last()?));
    let points: Vec<(f64, f64)> = (0..run.rates.len()).filter(exploded).filter_map(last).collect();
    let (x, y) = points.iter().copied().unzip();
    let (stroke, colour) = (Stroke::Points, Some(6));
    let series = Series { stroke, colour, ..Series::new("exploded", x, y) };
    (!points.is_empty()).then_some(series)
}

/// A panel over epochs.
fn panel(title: &str, y_label: &str, series: Vec<Series>) -> LineFigure {
    LineFigure::new(title, "epoch", y_label, series)
}

/// One curve for each layer, in shades, since the palette's colours are those of the runs.
fn layers(run: &ApicalTrain, log: &Log, what: impl Fn(usize) -> String) -> Vec<Series> {
    let count = run.trainer.network.layers.len();
    let layers = (0..count).map(|k| {
        let points = log.history(&what(k)).iter();
        let (x, y) = points.map(|(t, v)| (*t as f64 * epochs(run), *v)).unzip();
        let shade = Some(k as f64 / (count - 1).max(1) as f64);
        Series { shade, ..Series::new(&format!("layer {k}"), x, y) }
    });
    layers.collect()
}

/// The epoch of the first evaluation at which a run was dead.
fn first_explosion(run: &ApicalTrain, log: &Log) -> Option<f64> {
    let steps = (0..run.rates.len())
        .filter_map(|i| log.history(&format!("run{i}/exploded_at")).first().map(|(t, _)| *t));
    steps.min().map(|step| step as f64 * epochs(run))
}

/// The variance of the multipliers: the mean over all runs, which ends where one of them explodes,
/// since that of the others is of another set; and pale the course of each.
fn variance(run: &ApicalTrain, log: &Log) -> LineFigure {
    let what = |k: usize| format!("apical/layer{k}/variance");
    let end = first_explosion(run, log).filter(|_| run.rates.len() > 1);
    let mut series = layers(run, log, what);
    for mean in &mut series {
        let live = mean.x.iter().take_while(|x| end.is_none_or(|end| **x < end)).count();
        mean.x.truncate(live);
        mean.y.truncate(live);
    }
    if run.rates.len() > 1 {
        for i in 0..run.rates.len() {
            let each = layers(run, log, |k| tag(run, i, &what(k)));
            series.extend(each.into_iter().map(|one| Series {
                label: format!("{}, run {i}", one.label),
                faint: true,
                unlisted: true,
                ..one
            }));
        }
    }
    let subtitle = match (run.rates.len(), end) {
        (1, _) => "",
        (_, None) => "mean over the runs; pale: each run",
        (_, Some(_)) => "mean over the runs until one explodes; pale: each run",
    };
    LineFigure {
        y_log: true,
        subtitle: subtitle.into(),
        ..panel("Variance of the multipliers", "variance", series)
    }
}

/// The loss of every run, beside that of the constant predictor.
fn loss(run: &ApicalTrain, log: &Log) -> LineFigure {
    let mut losses = curves(run, log, "eval/loss");
    let starts = losses.iter().filter_map(|series| series.y.first());
    let top = 1.2 * starts.copied().fold(run.constant_loss, f64::max);
    let all = losses.iter().flat_map(|series| &series.y);
    let low = 0.8 * all.copied().fold(run.constant_loss, f64::min);
    losses.extend(ends(run, log, &losses));
    LineFigure {
        y_log: true,
        y_range: Some((low, top)),
        references: vec![Reference {
            label: "constant predictor".into(),
            value: run.constant_loss,
        }],
        ..panel("Loss on D_test", "loss", losses)
    }
}

/// The share correct of a predictor that guesses: 1 over the number of classes.
fn chance(run: &ApicalTrain) -> Reference {
    let classes = run.split.test.target.size()[1];
    Reference { label: "chance".into(), value: 1.0 / classes as f64 }
}

/// Loss and accuracy, and what the multipliers do.
fn training(run: &ApicalTrain, log: &Log) -> Panels {
    let accuracy = LineFigure {
        references: vec![chance(run)],
        ..panel("Accuracy on D_test", "share correct", curves(run, log, "eval/accuracy"))
    };
    let mut panels = vec![loss(run, log), accuracy];
    if run.config.single_phase1 {
        // The multipliers do not change: what changes is which neurons carry the activity.
        let of = |what: &'static str| {
            layers(run, log, move |k| tag(run, 0, &format!("rates/layer{k}/{what}")))
        };
        let share = panel("Activity in neurons with a > 1", "share", of("power_above_one"));
        panels.push(LineFigure { y_range: Some((0.0, 1.0)), ..share });
        let power = panel("Activity", "mean squared rate", of("power"));
        panels.push(LineFigure { y_log: true, ..power });
        panels.iter_mut().for_each(|panel| panel.x_label = "phase, of which 1 is phase 1".into());
    } else {
        panels.push(variance(run, log));
        let drop = curves(run, log, "phase1/drop");
        panels.push(panel("Drop of the loss in phase 1", "loss", drop).without_outliers());
    }
    Panels {
        title: format!("Apical multipliers on {}", run.data_name),
        subtitle: subtitle(run),
        columns: 2,
        panels,
    }
}

/// The settings that tell one run from another.
fn subtitle(run: &ApicalTrain) -> String {
    let config = &run.config;
    let mut parts = Vec::new();
    match config.pairs().as_slice() {
        [rates] => {
            parts.push(format!("lr_a {}, lr_w {:e}", rates.a, rates.w));
            if run.rates.len() > 1 {
                parts.push(counted(run.rates.len(), "network"));
            }
        }
        _ => parts.push(counted(run.rates.len(), "run")),
    }
    if let ([first, second], true) = (config.lr_w.as_slice(), config.pairs().len() > 2) {
        parts.push(format!("lr_w {first:e}, dashed {second:e}"));
    }
    parts.push(format!("batch size {}", config.batch_size));
    if config.bias {
        parts.push("biases".into());
    }
    parts.push(config.a_update.to_string());
    parts.extend(config.a_min.map(|min| format!("a at least {min}")));
    parts.extend(config.a_max.map(|max| format!("a at most {max}")));
    if config.phase1_per_epoch > 1 {
        parts.push(format!("{} phases 1 an epoch", config.phase1_per_epoch));
    }
    if config.single_phase1 {
        parts.push("one phase 1".into());
    } else if config.phase2_per_phase1 > 1 {
        parts.push(format!("{} phases 2 an epoch", config.phase2_per_phase1));
    }
    match config.schedule {
        LrSchedule::Constant => {}
        LrSchedule::Cosine => parts.push("cosine schedule".into()),
    }
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind, Tensor};

    use super::*;
    use crate::data::{ImageData, LabelledImages};
    use crate::lab::configure;
    use crate::lab::log::metrics::Reading;

    fn run(replicates: u32) -> ApicalTrain {
        let images = || LabelledImages {
            images: Tensor::ones([60, 4], (Kind::Float, Device::Cpu)),
            labels: Tensor::arange(60, (Kind::Int64, Device::Cpu)).fmod(3),
        };
        let data = ImageData {
            name: "three classes".into(),
            height: 2,
            width: 2,
            num_classes: 3,
            mean: 0.0,
            std: 1.0,
            train: images(),
            test: images(),
            source: serde_json::Value::Null,
        };
        let line = ["program", "--hidden", "5"].map(std::ffi::OsString::from);
        let config = configure::<ApicalTrain>(line).unwrap().experiment;
        let cycle = config.cycle(1);
        ApicalTrain::new(config, data, cycle, 0, replicates, Device::Cpu).unwrap()
    }

    #[test]
    fn chance_is_one_over_the_number_of_classes() {
        let panels = training(&run(1), &Log::silent()).panels;
        assert_eq!(panels[1].references[0].value, 1.0 / 3.0);
    }

    #[test]
    fn the_mean_ends_where_a_run_explodes_and_each_run_goes_on() {
        let run = run(2);
        let mut log = Log::silent();
        for (step, live, mean) in [(1, 2, 2.0), (2, 2, 2.5), (3, 1, 1.0), (4, 1, 1.5)] {
            let mut note = |tag: &str, value: f64| {
                log.scalars(step, 0.0, &[Reading { tag: tag.into(), values: vec![value] }]);
            };
            note("apical/layer0/variance", mean);
            note("run0/apical/layer0/variance", mean);
            if live == 2 {
                note("run1/apical/layer0/variance", mean);
            } else {
                note("run1/exploded_at", 2.25);
            }
        }
        let series = variance(&run, &log).series;
        let find = |label: &str| series.iter().find(|one| one.label == label).unwrap();
        assert_eq!(find("layer 0").y, [2.0, 2.5]);
        assert_eq!(find("layer 0, run 0").y, [2.0, 2.5, 1.0, 1.5]);
        assert!(find("layer 0, run 1").faint && find("layer 0, run 1").unlisted);
    }
}
