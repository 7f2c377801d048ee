//! Whether any setting learns: a map of settings on the digits, and the best of them with five seeds, with
//! how the rule lies to the gradient while they learn.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use neuron_lab::lab::figure::{LineFigure, Panels, Reference, Series};
use neuron_lab::lab::statistics::{mean, mean_and_sd};

use super::run::Run;
use super::save;

/// The sweeps of the map: what follows `docs-map-` in their names.
const SWEEPS: [&str; 3] = ["moving", "frozen", "bounded"];
/// What was tried beside the map, with cross-entropy and one phase 2 an epoch: what precedes the names of
/// [`SWEEPS`] in those of its sweeps, and what it is.
const WAYS: [(&str, &str); 3] =
    [("", "the map's"), ("bias-", "with biases"), ("phases-", "five phases 1")];
/// Runs on MNIST, by what follows `docs-mnist-` in their names.
const MNIST: [&str; 3] = ["multipliers", "rule", "frozen"];
/// What phase 1 does with its gradient and what the rule aims at: labels of the map's curves.
const KINDS: [&str; 4] = ["reset", "momentum", "momentum, a at most 1", "reset, frozen target"];
/// Loss and activation of each panel of the map.
const PANELS: [(&str, &str); 4] =
    [("mse", "relu"), ("mse", "tanh"), ("ce", "relu"), ("ce", "tanh")];
/// Share correct of a guess among ten classes.
const CHANCE: f64 = 0.1;

/// One launch of the map: every pair of learning rates under one setting.
struct Setting {
    panel: usize,
    kind: usize,
    phases2: u64,
    /// Of each pair of learning rates, that of the weights varying fastest.
    networks: Vec<Network>,
}

/// What became of a network of the map.
struct Network {
    lr_w: f64,
    exploded: bool,
    /// Share of the test images that is correct at the end, or when it exploded.
    last: f64,
}

impl Setting {
    fn read(folder: &Path) -> Result<Self> {
        let run = Run::read(folder)?;
        let word = |key: &str| run.config[key].as_str().unwrap_or_default().to_owned();
        let (loss, activation) = (word("loss"), word("activation"));
        let panel = PANELS.iter().position(|panel| *panel == (&*loss, &*activation));
        let kind = match (&*word("target"), &*word("a_update"), run.config["a_max"].is_null()) {
            ("frozen", ..) => 3,
            (_, "reset", _) => 0,
            (_, _, true) => 1,
            (_, _, false) => 2,
        };
        let lr_w = run.rates("lr_w");
        let network = |i: usize| {
            let accuracies = run.epochs(i, "eval/accuracy");
            Network {
                lr_w: lr_w[i % lr_w.len()],
                exploded: run.last(i, "exploded_at").is_some(),
                last: accuracies.last().map_or(f64::NAN, |(_, share)| *share),
            }
        };
        Ok(Self {
            panel: panel.with_context(|| format!("no panel for {loss} and {activation}"))?,
            kind,
            phases2: run.config["phase2_per_phase1"].as_u64().context("phases 2")?,
            networks: (0..run.pairs()).map(network).collect(),
        })
    }

    /// The network that ends best, of those that live; at one rate of the weights where one is given.
    fn best(&self, lr_w: Option<f64>) -> Option<&Network> {
        let live = self.networks.iter().filter(|one| !one.exploded);
        let live = live.filter(|one| lr_w.is_none_or(|rate| rate == one.lr_w));
        live.max_by(|a, b| a.last.total_cmp(&b.last))
    }

    fn exploded(&self) -> usize {
        self.networks.iter().filter(|one| one.exploded).count()
    }
}

/// Every setting of the map, or of what was tried beside it, in the order of the table.
fn settings(prefix: &str) -> Result<Vec<Setting>> {
    let mut all = Vec::new();
    for sweep in SWEEPS {
        let folder =
            Path::new("runs/sweeps").join(format!("docs-map-{prefix}{sweep}/apical_train"));
        let points = fs::read_dir(&folder).with_context(|| folder.display().to_string())?;
        for point in points {
            all.push(Setting::read(&point?.path())?);
        }
    }
    all.sort_by_key(|one| (one.panel, one.kind, one.phases2));
    Ok(all)
}

/// Of each setting the best accuracy at the end, with how many of its networks exploded.
fn print_map(settings: &[Setting]) {
    let heads = PANELS.map(|(loss, activation)| format!("{loss}, {activation}"));
    println!(
        "\n| phase 1 | phases 2 an epoch | {} |\n|---|---|---|---|---|---|",
        heads.join(" | ")
    );
    for (number, kind) in KINDS.iter().enumerate() {
        for phases2 in [1, 5] {
            let row = settings.iter().filter(|one| (one.kind, one.phases2) == (number, phases2));
            let cells: Vec<String> = row.map(cell).collect();
            println!("| {kind} | {phases2} | {} |", cells.join(" | "));
        }
    }
}

/// The best accuracy at the end of each setting, one way beside the other.
fn print_ways() {
    println!("\n| | phase 1 | ce, relu | ce, tanh |\n|---|---|---|---|");
    for (prefix, label) in WAYS {
        let Ok(settings) = settings(prefix) else { continue };
        for (number, kind) in KINDS.iter().enumerate() {
            let of_kind = |one: &&Setting| {
                (one.kind, one.phases2) == (number, 1) && PANELS[one.panel].0 == "ce"
            };
            let cells: Vec<String> = settings.iter().filter(of_kind).map(cell).collect();
            println!("| {label} | {kind} | {} |", cells.join(" | "));
        }
    }
}

/// The best accuracy at the end, with how many networks exploded.
fn cell(one: &Setting) -> String {
    let best = one.best(None).map_or("-".to_owned(), |best| format!("{:.2}", best.last));
    format!("{best} ({})", one.exploded())
}

/// Losses and accuracies of the runs on MNIST that are there.
fn print_mnist() {
    println!(
        "\n| run | lr_a | lr_w | explodes after | accuracy at the end | the most | cosine, layers 0, 1, 2, 3 |"
    );
    println!("|---|---|---|---|---|---|---|");
    for name in MNIST {
        let Ok(run) = Run::docs(&format!("mnist-{name}")) else { continue };
        let (lr_a, lr_w) = (run.rates("lr_a"), run.rates("lr_w"));
        for network in 0..run.pairs() {
            let accuracies = run.epochs(network, "eval/accuracy");
            let most = accuracies.iter().fold(f64::NAN, |most, (_, share)| most.max(*share));
            let end = accuracies.last().map_or(f64::NAN, |(_, share)| *share);
            let exploded = run.last(network, "exploded_at");
            println!(
                "| {name} | {} | {:e} | {} | {end:.3} | {most:.3} | {} |",
                lr_a[network / lr_w.len()],
                lr_w[network % lr_w.len()],
                exploded.map_or("-".to_owned(), |passes| format!("{passes:.1}")),
                cosines(&run, &[network])
            );
        }
    }
}

fn map_figure(settings: &[Setting]) -> Panels {
    let curve = |one: &Setting| {
        let mut rates: Vec<f64> = one.networks.iter().map(|network| network.lr_w).collect();
        rates.sort_by(f64::total_cmp);
        rates.dedup();
        let best = |rate: &f64| one.best(Some(*rate)).map_or(f64::NAN, |network| network.last);
        let y = rates.iter().map(best).collect();
        let (dashed, unlisted) = (one.phases2 > 1, one.phases2 > 1);
        let (colour, marker) = (Some(one.kind), true);
        Series { dashed, unlisted, colour, marker, ..Series::new(KINDS[one.kind], rates, y) }
    };
    let panel = |(number, (loss, activation)): (usize, &(&str, &str))| {
        let curves = settings.iter().filter(|one| one.panel == number).map(curve).collect();
        let title = format!("{loss}, {activation}");
        LineFigure {
            x_log: true,
            y_range: Some((0.0, 0.9)),
            references: vec![chance()],
            ..LineFigure::new(&title, "lr_w", "share correct", curves)
        }
    };
    Panels {
        title: "Accuracy after 40 epochs, the best of four lr_a".into(),
        subtitle: "digits, hidden layers of 100, one network for each point; dashed: five phases 2 an epoch; \
                   a gap: every network has exploded"
            .into(),
        columns: 2,
        panels: PANELS.iter().enumerate().map(panel).collect(),
    }
}

fn chance() -> Reference {
    Reference { label: "chance".into(), value: CHANCE }
}

/// Mean over the seeds of a curve of one pair of learning rates, up to the first explosion among them,
/// with a band of one standard deviation, over epochs.
///
/// - curve: of one network, steps and values
fn over_seeds(
    run: &Run,
    pair: usize,
    label: &str,
    curve: impl Fn(usize) -> Vec<(f64, f64)>,
) -> Series {
    let curves: Vec<Vec<(f64, f64)>> =
        (0..run.seeds()).map(|seed| curve(seed * run.pairs() + pair)).collect();
    let length = curves.iter().map(Vec::len).min().unwrap_or(0);
    let (mut x, mut y, mut low, mut high) = (vec![], vec![], vec![], vec![]);
    for at in 0..length {
        let each: Vec<f64> = curves.iter().map(|curve| curve[at].1).collect();
        let (mean, sd) = mean_and_sd(&each);
        x.push(curves[0][at].0 / run.steps_per_epoch());
        y.push(mean);
        low.push(mean - sd);
        high.push(mean + sd);
    }
    Series::new(label, x, y).with_band(low, high)
}

/// The runs with five seeds: name, title, and the pair whose rule is shown.
const LEARNERS: [(&str, &str, usize); 3] = [
    ("learn-multipliers", "Multipliers: momentum, ce, tanh", 2),
    ("learn-rule", "Rule: multipliers reset, ce, relu", 2),
    ("learn-frozen", "Rule: frozen target, ce, tanh", 2),
];

fn learning_figure(runs: &[Run]) -> Panels {
    let mut panels = Vec::new();
    for ((_, title, shown), run) in LEARNERS.iter().zip(runs) {
        let rates = run.rates("lr_w");
        let curves = rates.iter().enumerate().map(|(pair, rate)| {
            let label = format!("lr_w {rate:e}");
            over_seeds(run, pair, &label, |network| run.epochs(network, "eval/accuracy"))
        });
        panels.push(LineFigure {
            y_range: Some((0.0, 1.0)),
            references: vec![chance()],
            ..LineFigure::new(title, "epoch", "share correct", curves.collect())
        });
        let layers = (0..4).map(|layer| {
            let shade = Some(f64::from(layer) / 3.0);
            let (tag, label) = (format!("rule/layer{layer}/cosine"), format!("layer {layer}"));
            let curve = over_seeds(run, *shown, &label, |network| run.phases1(network, &tag));
            Series { shade, ..curve }
        });
        panels.push(LineFigure {
            y_range: Some((-1.0, 1.0)),
            references: vec![Reference { label: "".into(), value: 0.0 }],
            subtitle: format!("lr_w {:e}", rates[*shown]),
            ..LineFigure::new("Its rule and the gradient", "epoch", "cosine", layers.collect())
        });
    }
    Panels {
        title: "What learns".into(),
        subtitle: "digits, hidden layers of 100: mean and standard deviation over five seeds"
            .into(),
        columns: 2,
        panels,
    }
}

/// The cosine of the rule's change with the steepest descent in each of four layers, mean over the
/// networks and over the ends of phases 1.
fn cosines(run: &Run, networks: &[usize]) -> String {
    let of_layer = |layer: usize| {
        let tag = format!("rule/layer{layer}/cosine");
        let values = |network: &usize| run.phases1(*network, &tag).into_iter().map(|point| point.1);
        format!("{:.2}", mean(&networks.iter().flat_map(values).collect::<Vec<_>>()))
    };
    (0..4).map(of_layer).collect::<Vec<_>>().join(", ")
}

fn print_learners(runs: &[Run]) {
    println!(
        "\n| run | lr_a | lr_w | exploded of 5 | accuracy at the end | the most | cosine, layers 0, 1, 2, 3 |\n\
         |---|---|---|---|---|---|---|"
    );
    for ((_, title, _), run) in LEARNERS.iter().zip(runs) {
        let (lr_a, lr_w) = (run.rates("lr_a"), run.rates("lr_w"));
        for pair in 0..run.pairs() {
            let networks: Vec<usize> = (0..run.seeds()).map(|s| s * run.pairs() + pair).collect();
            let dead = networks.iter().filter(|n| run.last(**n, "exploded_at").is_some()).count();
            let over = |value: &dyn Fn(usize) -> f64| {
                let (mean, sd) =
                    mean_and_sd(&networks.iter().map(|n| value(*n)).collect::<Vec<_>>());
                format!("{mean:.2} ± {sd:.2}")
            };
            let accuracies =
                |n: usize| run.epochs(n, "eval/accuracy").into_iter().map(|point| point.1);
            println!(
                "| {title} | {} | {:e} | {dead} | {} | {} | {} |",
                lr_a[pair / lr_w.len()],
                lr_w[pair % lr_w.len()],
                over(&|n| accuracies(n).next_back().unwrap_or(f64::NAN)),
                over(&|n| accuracies(n).fold(f64::NAN, f64::max)),
                cosines(run, &networks)
            );
        }
    }
}

/// Prints the tables, and draws `apical-map` and `apical-learning`.
pub fn show() -> Result<()> {
    print_ways();
    print_mnist();
    let settings = settings("")?;
    print_map(&settings);
    let map = map_figure(&settings);
    save("apical-map", &map, &map.to_csv())?;
    let runs = LEARNERS.iter().map(|(name, ..)| Run::docs(name)).collect::<Result<Vec<_>>>()?;
    print_learners(&runs);
    let learning = learning_figure(&runs);
    save("apical-learning", &learning, &learning.to_csv())
}
