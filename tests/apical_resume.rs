//! Resuming the apical experiments bit for bit.

mod apical_program;
mod common;

use apical_program::Program;

const SMALL: &str = "--data digits --hidden 20,20 --quiet --log-every 5";

// With 6 steps a phase: step 3 is in phase 1, 6 and 12 between phases, 9 in phase 2.
#[test]
fn a_run_resumes_in_both_phases_and_between_them() {
    for options in [
        "--a-update reset",
        "--a-update momentum:0.9 --phase2-per-phase1 2 --schedule cosine --batch-size 7",
        "--target frozen --a-reduce sum --batch-size 100 --lr-a 0.01",
        "--bias --a-update momentum:0.9 --batch-size 7 --lr-w 0.01",
        "--bias --target frozen --lr-w 0.003,0.01 --phase1-per-epoch 2",
    ] {
        let all = format!("{SMALL} --steps-per-phase 6 --steps 24 --epochs 4 {options}");
        Program::train().assert_resumes(&all, 24, &[3, 6, 9, 12, 16]);
    }
    let single = format!("{SMALL} --steps-per-phase 6 --single-phase1 --epochs 3");
    Program::train().assert_resumes(&single, 24, &[2, 6, 13]);
}

#[test]
fn a_sweep_with_exploded_runs_resumes() {
    let sweep = "--steps-per-phase 6 --epochs 3 --lr-a 0.1,1 --lr-w 1e-4,300 --replicates 2";
    for batch in [30, 1] {
        let options = format!("{SMALL} {sweep} --batch-size {batch}");
        Program::train().assert_resumes(&options, 36, &[4, 9, 12, 15, 20]);
    }
}

// It explodes in step 7, and ends with the phase, whether it was interrupted before or not.
#[test]
fn a_run_that_explodes_within_a_phase_resumes_to_the_end_of_the_phase() {
    let options = format!("{SMALL} --steps-per-phase 6 --epochs 4 --lr-w 1e6");
    Program::train().assert_resumes(&options, 12, &[4, 6, 7, 9]);
}

// The first network diverges in batch 10, the last in batch 7, the other one never does.
#[test]
fn a_characterisation_with_diverged_networks_resumes() {
    let program = Program::characterize();
    let options = format!("{SMALL} --replicates 3 --lr-a 0.3 --lr-w 0.3 --cap 5 --batch-size 50");
    program.assert_resumes(&options, 15, &[5, 8, 12]);
    let summary = program.summary("whole");
    assert_eq!(summary["status"], "done");
    let at = |i: usize| summary["metrics"][format!("network{i}/diverged_at")].as_f64();
    assert_eq!([at(0), at(1), at(2)], [Some(10.0), None, Some(7.0)]);
    assert!(summary["metrics"]["eval/loss"].is_number(), "{summary}");
}
