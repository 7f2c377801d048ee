//! The grid of ten seeds: networks, methods and strengths on three benchmarks.

use anyhow::Result;
use neuron_lab::lab::statistics::mean_and_sd;

use super::run::{AVERAGE, FORGETTING, Run, cell, difference};

/// Networks: in the names of runs, and on the page.
pub const NETWORKS: [(&str, &str); 7] = [
    ("mlp-64", "MLP 64-64"),
    ("mlp", "MLP 170-170"),
    ("frozen", "K = 2, selectors frozen"),
    ("learned", "K = 2, learned"),
    ("printed", "K = 2, as printed"),
    ("hidden", "K = 2, hidden"),
    ("selected", "K = 2, selected-only"),
];

/// Strengths of a penalty: in the names of runs, and as numbers.
pub const LAMBDAS: [(&str, f64); 5] =
    [("1e3", 1e3), ("1e4", 1e4), ("1e5", 1e5), ("1e6", 1e6), ("1e7", 1e7)];

/// Tasks and methods.
const PARTS: [(&str, &str); 5] = [
    ("class", "ewc"),
    ("class", "ewc-online"),
    ("class", "si"),
    ("domain", "ewc"),
    ("permuted", "ewc"),
];

/// A cell of the grid that has been run.
pub fn read(tasks: &str, method: &str, lambda: &str, network: &str) -> Result<Option<Run>> {
    Run::read(&format!("grid-{tasks}-{method}-{lambda}-{network}"))
}

/// Mean accuracy at the end of every cell.
pub fn print_cells() -> Result<()> {
    for (tasks, method) in PARTS {
        let mut rows = Vec::new();
        let mut any = [false; LAMBDAS.len()];
        for (network, name) in NETWORKS {
            let base = Run::read(&format!("grid-{tasks}-base-{network}"))?;
            let mut cells =
                vec![name.to_string(), cell(base.as_ref().map_or(&[], |run| run.end(AVERAGE)))];
            for ((lambda, _), any) in LAMBDAS.iter().zip(&mut any) {
                let run = read(tasks, method, lambda, network)?;
                *any |= run.is_some();
                cells.push(cell(run.as_ref().map_or(&[], |run| run.end(AVERAGE))));
            }
            rows.push(cells);
        }
        let kept = |cells: &[String]| -> String {
            let kept = (0..cells.len()).filter(|i| *i < 2 || any[i - 2]);
            kept.map(|i| cells[i].as_str()).collect::<Vec<_>>().join(" | ")
        };
        if !any.contains(&true) {
            continue;
        }
        let mut head = vec![format!("{tasks}, {method}"), "none".to_string()];
        head.extend(LAMBDAS.map(|(lambda, _)| lambda.to_string()));
        println!("\n| {} |", kept(&head));
        rows.iter().for_each(|cells| println!("| {} |", kept(cells)));
    }
    Ok(())
}

/// Tasks, and what is done against forgetting, as in the names of runs.
fn ways() -> impl Iterator<Item = (&'static str, String)> {
    let bases = ["class", "domain"].map(|tasks| (tasks, "base".to_string()));
    let strengths = |(tasks, method): (&'static str, &'static str)| {
        LAMBDAS.map(move |(lambda, _)| (tasks, format!("{method}-{lambda}")))
    };
    bases.into_iter().chain(PARTS.into_iter().flat_map(strengths))
}

/// Differences between networks in the same cell.
pub fn print_differences() -> Result<()> {
    println!(
        "\n| cell | networks | mean of five | mean of the earlier four \
         | when learnt | forgetting |"
    );
    for (tasks, how) in ways() {
        let of = |network: &str| Run::read(&format!("grid-{tasks}-{how}-{network}"));
        for (a, b) in [
            ("learned", "frozen"),
            ("printed", "frozen"),
            ("frozen", "mlp"),
            ("frozen", "mlp-64"),
            ("learned", "mlp"),
            ("learned", "mlp-64"),
            ("learned-computation", "learned"),
            ("learned-selectors", "learned"),
        ] {
            let (Some(one), Some(other)) = (of(a)?, of(b)?) else { continue };
            let cells = [
                difference(one.end(AVERAGE), other.end(AVERAGE))?,
                difference(&one.earlier(), &other.earlier())?,
                difference(&one.when_learnt(), &other.when_learnt())?,
                difference(one.end(FORGETTING), other.end(FORGETTING))?,
            ];
            println!("| {tasks}, {how} | {a} - {b} | {} |", cells.join(" | "));
        }
    }
    Ok(())
}

/// The strength at which a network keeps most on average, and that run.
fn best(tasks: &str, method: &str, network: &str) -> Result<Option<(&'static str, Run)>> {
    let mut found: Option<(f64, &str, Run)> = None;
    for (lambda, _) in LAMBDAS {
        let Some(run) = read(tasks, method, lambda, network)? else { continue };
        let mean = mean_and_sd(run.end(AVERAGE)).0;
        if run.finite && found.as_ref().is_none_or(|(best, ..)| mean > *best) {
            found = Some((mean, lambda, run));
        }
    }
    Ok(found.map(|(_, lambda, run)| (lambda, run)))
}

/// Every network at its own best strength, and what frozen selectors keep more.
pub fn print_best() -> Result<()> {
    println!("\n| tasks, method | network | its best lambda | mean accuracy | frozen minus it |");
    for (tasks, method) in PARTS {
        let Some((_, frozen)) = best(tasks, method, "frozen")? else { continue };
        for (network, name) in NETWORKS {
            let Some((lambda, run)) = best(tasks, method, network)? else { continue };
            let more = difference(frozen.end(AVERAGE), run.end(AVERAGE))?;
            let mean = cell(run.end(AVERAGE));
            println!("| {tasks}, {method} | {name} | {lambda} | {mean} | {more} |");
        }
    }
    Ok(())
}

/// Final accuracies on every task of every cell.
pub fn print_rows() -> Result<()> {
    println!("\n| cell | task 1 | task 2 | task 3 | task 4 | task 5 | when learnt | forgetting |");
    for (tasks, how) in ways() {
        for (network, name) in NETWORKS {
            for protect in ["", "-selectors", "-computation"] {
                let run = Run::read(&format!("grid-{tasks}-{how}-{network}{protect}"))?;
                let Some(run) = run else { continue };
                let learnt = cell(&run.when_learnt());
                let forgotten = cell(run.end(FORGETTING));
                let what = format!("{tasks}, {how}, {name}{protect}");
                println!("| {what} | {} | {learnt} | {forgotten} |", run.row());
            }
        }
    }
    Ok(())
}
