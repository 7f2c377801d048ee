//! Every run of a sweep as a row of a table.

use crate::steady_state::learning::axes::SweepAxes;
use crate::steady_state::measure::results::Results;
use crate::steady_state::measure::runs::RunResult;
use crate::steady_state::measure::stationarity::Stationarity;

/// The names of the columns.
const HEADER: &str = "seed,q,snr,gamma,repeat,diverged_train,diverged_steady,dynamic_5,dynamic_50,\
                      log_5,log_50,first_update,fit_rate,fit_floor,naive,window,stationary_mean,\
                      stationary_half_width,stationary_since,autocorrelation,independent,modes,\
                      next_mode,kept\n";

/// Every run as a row of comma-separated values, with the numbers of its seed and its expansion; a
/// cell without a number is empty.
pub(super) fn table(axes: &SweepAxes, results: &Results) -> String {
    let mut text = String::from(HEADER);
    for run in &results.runs {
        let index = run.index;
        let cell = |x: &f64| if x.is_nan() { String::new() } else { format!("{x:?}") };
        let kept = f64::from(results.kept[index.seed]);
        let cells: Vec<String> = numbers(run).iter().chain([&kept]).map(cell).collect();
        let (seed, q) = (axes.seeds[index.seed], axes.expansions[index.size]);
        let (noise, gamma) = (axes.noise_name(index.ratio), run.gamma);
        let repeat = index.repeat;
        text += &format!("{seed},{q},{noise},{gamma:?},{repeat},{}\n", cells.join(","));
    }
    text
}

/// The numbers of a run, in the order of the columns.
fn numbers(run: &RunResult) -> [f64; 18] {
    let speeds = run.speeds;
    let steady = |pick: fn(&Stationarity) -> f64| run.steady.as_ref().map_or(f64::NAN, pick);
    [
        run.diverged.unwrap_or(f64::NAN),
        run.steady_diverged.unwrap_or(f64::NAN),
        speeds.dynamic_5,
        speeds.dynamic_50,
        speeds.log_5,
        speeds.log_50,
        speeds.first,
        run.fit_rate,
        run.fit_floor,
        run.naive,
        run.window,
        steady(|s| s.mean),
        steady(|s| s.half_width),
        steady(|s| s.since.map_or(f64::NAN, |since| since as f64)),
        steady(|s| s.autocorrelation),
        steady(|s| s.independent),
        run.modes as f64,
        run.next_mode,
    ]
}
