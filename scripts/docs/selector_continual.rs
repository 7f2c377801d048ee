//! The tables and the figure of docs/selector_continual.md, from the runs that
//! `scripts/docs_selector_continual` makes. Prints the tables as Markdown; runs that are not there
//! are left out.

#![allow(clippy::print_stdout)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use neuron_lab::lab::figure::{LineFigure, Panels, Series};
use neuron_lab::lab::statistics::mean_and_sd;
use serde_json::Value;

const TASKS: usize = 5;
/// 97.5 % quantile of Student's t with 4 degrees of freedom, for an interval of five seeds.
const T_OF_FIVE: f64 = 2.776;
/// Networks on permuted MNIST: run, name, parameters.
const PERMUTED: [(&str, &str, u64); 9] = [
    ("permuted-mlp-64", "MLP 64-64", 55_050),
    ("permuted-mlp-400", "MLP 400-400", 478_410),
    ("permuted-mlp-440", "MLP 440-440", 543_850),
    ("permuted-k5", "K = 5, 64-64", 544_650),
    ("permuted-k5-frozen", "K = 5, selectors frozen", 544_650),
    ("permuted-k5-selected-only", "K = 5, selected-only", 544_650),
    ("permuted-k2", "K = 2, consistent sign", 163_850),
    ("permuted-as-printed", "K = 2, as printed", 163_850),
    ("permuted-k5-hidden", "K = 5, hidden", 544_650),
];

/// What was found after every task: (task, tag) to one value a seed.
struct Run {
    values: BTreeMap<(usize, String), Vec<f64>>,
    finite: bool,
}

impl Run {
    /// A run that has ended, or none.
    fn read(name: &str) -> Result<Option<Self>> {
        let folder = Path::new("runs/selector_continual").join(format!("docs-{name}"));
        let Ok(summary) = fs::read_to_string(folder.join("summary.json")) else { return Ok(None) };
        let summary: Value = serde_json::from_str(&summary)?;
        if summary["status"] == "running" {
            return Ok(None);
        }
        let text = fs::read_to_string(folder.join("metrics.jsonl"))?;
        let mut values = BTreeMap::new();
        let mut task = 0;
        for line in text.lines() {
            let entry: Value = serde_json::from_str(line)?;
            let map = entry["values"].as_object().context("no values")?;
            if !map.contains_key("eval/average_accuracy") {
                continue;
            }
            task += 1;
            for tag in map.keys().filter_map(|key| key.strip_suffix("/r0")) {
                let each = (0..).map_while(|r| map.get(&format!("{tag}/r{r}"))?.as_f64());
                values.insert((task, tag.to_string()), each.map(|v| 100.0 * v).collect());
            }
        }
        Ok(Some(Self { values, finite: summary["status"] == "done" }))
    }

    /// The values of a tag after a task, in percent; empty where there are none.
    fn at(&self, task: usize, tag: &str) -> &[f64] {
        self.values.get(&(task, tag.to_string())).map(Vec::as_slice).unwrap_or_default()
    }

    /// Mean accuracy of each seed on a task when it has just been learnt.
    fn when_learnt(&self) -> Vec<f64> {
        let seeds = self.at(TASKS, "eval/average_accuracy").len();
        let of = |seed: usize| {
            let just = |task: usize| self.at(task, &format!("eval/accuracy/task{task}"))[seed];
            (1..=TASKS).map(just).sum::<f64>() / TASKS as f64
        };
        (0..seeds).map(of).collect()
    }
}

fn cell(values: &[f64]) -> String {
    let (mean, sd) = mean_and_sd(values);
    if values.is_empty() { "-".into() } else { format!("{mean:.2} ± {sd:.2}") }
}

fn print_permuted() -> Result<()> {
    println!(
        "| network | parameters | task 1 at the end | mean of five | when learnt | forgetting |"
    );
    println!("|---|---|---|---|---|---|");
    for (run, name, count) in PERMUTED {
        let Some(run) = Run::read(run)? else { continue };
        let cells = [
            cell(run.at(TASKS, "eval/accuracy/task1")),
            cell(run.at(TASKS, "eval/average_accuracy")),
            cell(&run.when_learnt()),
            cell(run.at(TASKS, "eval/forgetting")),
        ];
        println!("| {name} | {count} | {} |", cells.join(" | "));
    }
    let pairs = [
        ("permuted-k5", "permuted-mlp-440"),
        ("permuted-k2", "permuted-mlp-440"),
        ("permuted-k5", "permuted-mlp-64"),
        ("permuted-k5", "permuted-k5-frozen"),
    ];
    for (a, b) in pairs {
        if let (Some(one), Some(other)) = (Run::read(a)?, Run::read(b)?) {
            for tag in ["eval/average_accuracy", "eval/accuracy/task1", "eval/forgetting"] {
                let pairs = one.at(TASKS, tag).iter().zip(other.at(TASKS, tag));
                let differences: Vec<f64> = pairs.map(|(a, b)| a - b).collect();
                let (mean, sd) = mean_and_sd(&differences);
                let half = T_OF_FIVE * sd / (differences.len() as f64).sqrt();
                println!("{a} - {b}, {tag}: {mean:.2} ± {half:.2} (95 %): {differences:.2?}");
            }
        }
    }
    Ok(())
}

fn print_split() -> Result<()> {
    println!("\n| method | class | class, task told at the test | domain | task |");
    println!("|---|---|---|---|---|");
    for method in ["base", "ewc", "ewc-online", "si", "replay", "joint"] {
        print_scenarios(method, method)?;
    }
    println!("\nwithout a method, other networks:");
    for (suffix, name) in [("-k2", "K = 2"), ("-as-printed", "K = 2, as printed"), ("-k5", "K = 5")]
    {
        print_scenarios(&format!("base{suffix}"), name)?;
    }
    println!("\n| lambda | gradient | implicit |\n|---|---|---|");
    for lambda in ["10", "100", "300", "1e3", "1e4", "1e5", "1e6", "1e7"] {
        let mut cells = Vec::new();
        for step in ["gradient", "implicit"] {
            let run = Run::read(&format!("split-class-ewc-{lambda}-{step}"))?;
            cells.push(match run {
                None => "-".into(),
                Some(run) if !run.finite => "diverges".into(),
                Some(run) => cell(run.at(TASKS, "eval/average_accuracy")),
            });
        }
        println!("| {lambda} | {} |", cells.join(" | "));
    }
    Ok(())
}

/// A row of average accuracies over the five tasks, in every scenario.
fn print_scenarios(suffix: &str, name: &str) -> Result<()> {
    let mut cells = Vec::new();
    for scenario in ["class", "domain", "task"] {
        let run = Run::read(&format!("split-{scenario}-{suffix}"))?;
        let average = |run: &Run| cell(run.at(TASKS, "eval/average_accuracy"));
        cells.push(run.as_ref().map_or("-".into(), average));
        if scenario == "class" {
            let told = |run: &Run| -> Vec<f64> {
                let of = |task: usize| run.at(TASKS, &format!("eval/told/task{task}")).to_vec();
                let rows: Vec<Vec<f64>> = (1..=TASKS).map(of).collect();
                let mean = |seed: usize| rows.iter().map(|r| r[seed]).sum::<f64>() / TASKS as f64;
                (0..rows[0].len()).map(mean).collect()
            };
            cells.push(run.as_ref().map_or("-".into(), |run| cell(&told(run))));
        }
    }
    println!("| {name} | {} |", cells.join(" | "));
    Ok(())
}

/// Final accuracies of every task, mean over seeds, of single runs.
fn print_rows() -> Result<()> {
    println!("\n| run | task 1 | task 2 | task 3 | task 4 | task 5 |\n|---|---|---|---|---|---|");
    for name in [
        "split-class-base",
        "notebook-ewc",
        "permuted-ewc-10",
        "permuted-ewc-100",
        "permuted-ewc-1e3",
        "split-class-ewc-1e6-implicit",
        "split-class-ewc-1e7-implicit",
    ] {
        let Some(run) = Run::read(name)? else { continue };
        let of = |task: usize| cell(run.at(TASKS, &format!("eval/accuracy/task{task}")));
        let cells: Vec<String> = (1..=TASKS).map(of).collect();
        println!("| {name} | {} |", cells.join(" | "));
    }
    Ok(())
}

/// A tag after each task, with a band of one standard deviation.
fn curve(run: &Run, tag: &str, label: &str) -> Series {
    let points = (1..=TASKS).map(|task| mean_and_sd(run.at(task, tag)));
    let points: Vec<(f64, f64)> = points.collect();
    let edge = |sign: f64| points.iter().map(|(mean, sd)| mean + sign * sd).collect();
    let x = (1..=TASKS).map(|task| task as f64).collect();
    let y = points.iter().map(|(mean, _)| *mean).collect();
    let series = Series::new(label, x, y).with_band(edge(-1.0), edge(1.0));
    Series { marker: true, ..series }
}

fn permuted_figure() -> Result<Option<Panels>> {
    let mut runs = Vec::new();
    for (i, (run, name, _)) in PERMUTED.iter().enumerate().take(7) {
        if let Some(run) = Run::read(run)? {
            runs.push((i, *name, run));
        }
    }
    if runs.is_empty() {
        return Ok(None);
    }
    let panel = |title: &str, tag: &str| LineFigure {
        title: title.into(),
        x_label: "tasks learnt".into(),
        y_label: "accuracy (%)".into(),
        series: runs
            .iter()
            .map(|(i, name, run)| Series { colour: Some(*i), ..curve(run, tag, name) })
            .collect(),
        ..LineFigure::default()
    };
    Ok(Some(Panels {
        title: "Permuted MNIST, one epoch a task, nothing done against forgetting".into(),
        subtitle: "mean and standard deviation of 5 seeds, SGD at 0.01, batches of 64".into(),
        columns: 2,
        panels: vec![
            panel("Accuracy on the tasks learnt so far", "eval/average_seen"),
            panel("Accuracy on the first task", "eval/accuracy/task1"),
        ],
    }))
}

fn main() -> Result<()> {
    print_permuted()?;
    print_split()?;
    print_rows()?;
    if let Some(figure) = permuted_figure()? {
        let path = Path::new("docs/figures/selector_continual_permuted");
        fs::write(path.with_extension("png"), figure.render()?.to_png()?)?;
        fs::write(path.with_extension("csv"), figure.to_csv())?;
    }
    Ok(())
}
