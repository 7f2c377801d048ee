//! What a step asks of the device: launches, reads, and uploads for which the host waits.
//!
//! A run of n steps is compared with one of 2 n that makes as many log entries and evaluations.

use std::io::Write;
use std::path::Path;

use crate::bench::{Counts, On, Trial, in_parallel};
use crate::common::EXPERIMENTS;
use crate::cost_cases::{CASES, Case};
use crate::library;

/// What a run of so many times the steps asks for, with its steps and its log entries.
fn measure(case: &Case, times: u64) -> (Counts, i64, i64) {
    let trial = Trial::new();
    let mut line = format!("{} --name run", case.fixed);
    for (flag, value) in case.doubled {
        line += &format!(" {flag} {}", value * times);
    }
    trial.run(On::Cuda, case.experiment, &line).expect(0);
    let steps = trial.summary(case.experiment, "run")["steps"].as_i64().unwrap();
    (trial.counts(), steps, trial.entries(case.experiment, "run").len() as i64)
}

/// What a step of a case costs, from runs of n and of 2 n steps.
struct Cost {
    launches: f64,
    uploads: f64,
    /// Reads of all steps of the longer run's second half, but for one of each further log entry.
    reads: i64,
    /// Waits besides, where the longer run has no more log entries.
    waits: i64,
}

impl Cost {
    fn of(case: &Case) -> Self {
        let ((short, steps, entries), (long, more_steps, more_entries)) =
            (measure(case, 1), measure(case, 2));
        // The steps of `depth_width` are within its calls, of both points.
        let within = case.doubled.iter().find(|(flag, _)| *flag == "--descent-steps");
        let steps = within.map_or(more_steps - steps, |(_, descent)| 2 * *descent as i64);
        Self::between(short, long, steps, more_entries - entries)
    }

    fn between(short: Counts, long: Counts, steps: i64, entries: i64) -> Self {
        let a_step = |more: i64| more as f64 / steps as f64;
        Self {
            launches: a_step(long.launches - short.launches),
            uploads: a_step(long.blocking_uploads - short.blocking_uploads),
            reads: long.reads - short.reads - entries,
            waits: if entries > 0 { 0 } else { (long.waits - short.waits).max(0) },
        }
    }

    /// What is wrong with it.
    fn complaints(&self, case: &Case) -> Vec<String> {
        let Self { launches, uploads, reads, waits } = self;
        let mut wrong = Vec::new();
        if *reads != 0 {
            wrong.push(format!("{reads} reads between log entries"));
        }
        if *waits != 0 {
            wrong.push(format!("{waits} waits between log entries"));
        }
        if *launches > case.launches + 0.05 {
            wrong.push(format!("{launches:.1} launches a step, not {}", case.launches));
        }
        if *uploads > 0.0 {
            wrong.push(format!("{uploads:.2} uploads a step for which the host waits"));
        }
        wrong
    }
}

#[test]
fn a_step_reads_nothing_and_launches_no_more_than_before() {
    if !library::fits() {
        return;
    }
    assert!(EXPERIMENTS.iter().all(|name| CASES.iter().any(|case| case.experiment == *name)));
    let costs = in_parallel(&CASES, Cost::of);
    let (mut wrong, mut table) = (Vec::new(), String::new());
    for (case, cost) in CASES.iter().zip(&costs) {
        let name = format!("{} {}", case.experiment, case.fixed);
        let Cost { launches, uploads, reads, .. } = cost;
        table +=
            &format!("{launches:6.1} launches, {reads} reads, {uploads:.2} uploads waited for");
        table += &format!(" a step: {name}\n");
        wrong.extend(cost.complaints(case).into_iter().map(|what| format!("{name}: {what}")));
    }
    // Past the harness, which shows what a test prints only if it fails.
    let _ = writeln!(std::io::stderr(), "\n{table}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_read_and_an_upload_in_a_step_are_caught() {
    let case = &CASES[0];
    let short = Counts { launches: 1000, reads: 50, blocking_uploads: 10, waits: 5 };
    let complaints = |launches: i64, reads: i64, uploads: i64| {
        let long = Counts {
            launches: short.launches + launches,
            reads: short.reads + reads,
            blocking_uploads: short.blocking_uploads + uploads,
            ..short
        };
        Cost::between(short, long, 40, 1).complaints(case).len()
    };
    let launches = case.launches as i64;
    assert_eq!(complaints(40 * launches, 1, 0), 0);
    assert_eq!(complaints(40 * launches, 41, 0), 1, "a read a step");
    assert_eq!(complaints(40 * (launches + 1), 1, 0), 1, "a launch a step");
    assert_eq!(complaints(40 * launches, 1, 40), 1, "an upload a step");
}

#[test]
fn the_page_on_performance_has_these_numbers() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/performance.md");
    let page = std::fs::read_to_string(page).unwrap();
    let table = page.lines().skip_while(|line| *line != "| experiment | launches a step |").skip(2);
    let table: Vec<&str> = table.take_while(|line| line.starts_with('|')).collect();
    let expected = CASES.iter().map(|case| format!("| {} | {:.0} |", case.row, case.launches));
    assert_eq!(table, expected.collect::<Vec<String>>());
}
