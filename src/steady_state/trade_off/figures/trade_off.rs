//! Figures of the trade-off: steady-state loss against learning speed, and both against the learning
//! step.

use super::labels::{RunMeasure, evenly_spaced, noise_title, seeds_and_repeats, subtitle};
use crate::lab::figure::{LineFigure, Panels, Series, share_x, share_y};
use crate::lab::statistics::quantile;
use crate::steady_state::learning::axes::{Condition, SweepAxes};
use crate::steady_state::measure::results::Results;

/// Steady-state loss against learning speed: a curve for every expansion, a point for every γ.
pub(super) fn trade_off(axes: &SweepAxes, results: &Results) -> Panels {
    let definitions: [(&str, RunMeasure); 2] =
        [("last 10 updates of learning", |run| run.naive), ("from w*", |run| run.window)];
    let mut panels = Vec::new();
    for ratio in 0..axes.ratios.len() {
        for (title, loss) in definitions {
            let series = evenly_spaced(axes.expansions.len()).into_iter().map(|size| {
                let at = |measure: RunMeasure, share: f64| -> Vec<f64> {
                    let at = |gamma| {
                        quantile(&results.of(Condition { ratio, size, gamma }, measure), share)
                    };
                    (0..axes.gammas.len()).map(at).collect()
                };
                let label = format!("q = {}", axes.expansions[size]);
                // The spread of the speed is in `gamma`.
                let series = Series::new(&label, at(|run| run.speeds.log_50, 0.5), at(loss, 0.5));
                Series { marker: true, ..series }.with_bars(at(loss, 0.25), at(loss, 0.75))
            });
            panels.push(LineFigure {
                title: format!("{title}, {}", noise_title(axes, ratio)),
                x_label: "learning speed (1/s)".into(),
                y_label: "steady-state loss".into(),
                y_log: true,
                series: series.collect(),
                ..LineFigure::default()
            });
        }
    }
    share_x(&mut panels);
    // Losses from w* differ by percents under one noise, and by orders of magnitude between two.
    share_y(panels.iter_mut().step_by(definitions.len()));
    Panels {
        title: "Steady-state loss against learning speed".into(),
        subtitle: format!(
            "{}; each curve runs through the learning steps γ",
            subtitle(&seeds_and_repeats(axes, results), "bars")
        ),
        columns: 2,
        panels,
    }
}

/// Speed and steady-state losses against the learning step.
pub(super) fn against_gamma(axes: &SweepAxes, results: &Results) -> Panels {
    let measures: [(&str, &str, RunMeasure); 3] = [
        ("learning speed", "1/s", |run| run.speeds.log_50),
        ("last 10 updates", "task loss", |run| run.naive),
        ("from w*", "task loss", |run| run.window),
    ];
    // Steps that are spread over orders of magnitude would sit on the left of a linear axis.
    let gammas = &axes.gammas;
    let crowded = gammas[gammas.len() / 2] < 0.25 * gammas[gammas.len() - 1];
    let mut panels = Vec::new();
    for ratio in 0..axes.ratios.len() {
        for (title, unit, measure) in measures {
            let series = evenly_spaced(axes.expansions.len()).into_iter().map(|size| {
                let at = |share: f64| -> Vec<f64> {
                    let at = |gamma| {
                        quantile(&results.of(Condition { ratio, size, gamma }, measure), share)
                    };
                    (0..axes.gammas.len()).map(at).collect()
                };
                let label = format!("q = {}", axes.expansions[size]);
                let gammas = (0..axes.gammas.len()).map(|i| axes.gamma(i, size));
                let series = Series::new(&label, gammas.collect(), at(0.5));
                Series { marker: true, ..series }.with_band(at(0.25), at(0.75))
            });
            panels.push(LineFigure {
                title: format!("{title}, {}", noise_title(axes, ratio)),
                x_label: "learning step γ".into(),
                x_log: crowded,
                y_label: unit.into(),
                y_log: unit != "1/s",
                series: series.collect(),
                ..LineFigure::default()
            });
        }
    }
    share_x(&mut panels);
    for which in 0..2 {
        share_y(panels.iter_mut().skip(which).step_by(measures.len()));
    }
    let title = "Speed and steady state against the learning step".into();
    Panels {
        title,
        subtitle: subtitle(&seeds_and_repeats(axes, results), "band"),
        columns: 3,
        panels,
    }
}
