//! The tables of five seeds: permuted MNIST without a method, the methods on split MNIST, and the
//! penalty's two steps.

use anyhow::Result;

use super::run::{AVERAGE, FORGETTING, Run, TASKS, cell, difference};

/// Networks on permuted MNIST: run, name, parameters.
pub const PERMUTED: [(&str, &str, u64); 9] = [
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

pub fn print_permuted() -> Result<()> {
    println!(
        "| network | parameters | task 1 at the end | mean of five | when learnt | forgetting |"
    );
    println!("|---|---|---|---|---|---|");
    for (run, name, count) in PERMUTED {
        let Some(run) = Run::read(run)? else { continue };
        let cells = [
            cell(run.end("eval/accuracy/task1")),
            cell(run.end(AVERAGE)),
            cell(&run.when_learnt()),
            cell(run.end(FORGETTING)),
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
            for tag in [AVERAGE, "eval/accuracy/task1", FORGETTING] {
                println!("{a} - {b}, {tag}: {}", difference(one.end(tag), other.end(tag))?);
            }
        }
    }
    Ok(())
}

pub fn print_split() -> Result<()> {
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
                Some(run) => cell(run.end(AVERAGE)),
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
        let average = |run: &Run| cell(run.end(AVERAGE));
        cells.push(run.as_ref().map_or("-".into(), average));
        if scenario == "class" {
            let told = |run: &Run| run.mean("eval/told", |_| TASKS);
            cells.push(run.as_ref().map_or("-".into(), |run| cell(&told(run))));
        }
    }
    println!("| {name} | {} |", cells.join(" | "));
    Ok(())
}

/// Final accuracies of every task, mean over seeds, of single runs.
pub fn print_rows() -> Result<()> {
    println!("\n| run | task 1 | task 2 | task 3 | task 4 | task 5 |\n|---|---|---|---|---|---|");
    for name in [
        "split-class-base",
        "permuted-ewc-adam",
        "permuted-ewc-10",
        "permuted-ewc-100",
        "permuted-ewc-1e3",
        "split-class-ewc-1e6-implicit",
        "split-class-ewc-1e7-implicit",
    ] {
        let Some(run) = Run::read(name)? else { continue };
        println!("| {name} | {} |", run.row());
    }
    Ok(())
}
