//! The two-loss toy against PyTorch's run of the notebook's program, and against its theory.

use std::ffi::OsString;
use std::fs;

use neuron_lab::efficient_coding::toy::TwoLossToy;
use neuron_lab::efficient_coding::two_loss::hill::{Coordinates, Hill};
use neuron_lab::efficient_coding::two_loss::problem::{Constraint, Method, Problem};
use neuron_lab::lab::configure;

fn notebook() -> Problem {
    Problem {
        hill: Hill { top: [1.0, 1.5], tilt: 0.7 },
        constraint: Constraint::X2,
        target: 3.0,
        lr: 0.01,
        rate_lr: 0.2,
        penalty: 1.0,
        multiplier_lr: 0.01,
    }
}

fn coupled(target: f64) -> Problem {
    Problem { constraint: Constraint::Sum, target, ..notebook() }
}

/// The point after this many iterations.
fn after(problem: &Problem, method: Method, start: Coordinates, iterations: u64) -> Coordinates {
    let mut state = [start[0], start[1], 0.0];
    for _ in 0..iterations {
        problem.step(method, &mut state);
    }
    [state[0], state[1]]
}

fn close(found: Coordinates, expected: Coordinates, tolerance: f64) {
    let far = (found[0] - expected[0]).abs().max((found[1] - expected[1]).abs());
    assert!(far < tolerance, "{found:?}, expected {expected:?}");
}

/// From `scripts/reference/two_loss_toy.py` (PyTorch 2.13, float32), whose last digit is 1e-7.
#[test]
fn the_printed_lines_are_the_notebooks() {
    let printed = [
        (1, 2.0, 1.0, -0.576950),
        (2, 1.992500, 1.798615, -0.225564),
        (3, 1.987079, 2.276480, -0.0706318),
        (10, 1.982215, 2.979223, -0.00558914),
        (100, 1.962822, 2.999640, -0.00553099),
        (500, 1.856445, 2.999473, -0.00839752),
        (1000, 1.634381, 2.998916, -0.0186777),
    ];
    let problem = notebook();
    for (iteration, x1, x2, z) in printed {
        let x = after(&problem, Method::TwoLosses, [2.0, 1.0], iteration - 1);
        close(x, [x1, x2], 5e-6);
        assert!((problem.hill.height(x) + z).abs() < 5e-6, "{iteration}");
    }
    let last = after(&problem, Method::TwoLosses, [2.0, 1.0], 1000);
    close(last, [1.633753, 2.998914], 1e-6);
    assert!((problem.hill.height(last) - 0.0187173).abs() < 1e-7);
}

#[test]
fn the_notebooks_toy_converges_long_after_it_was_stopped() {
    let problem = notebook();
    let fixed = problem.fixed_point();
    close(fixed, [-0.0448683, 2.9926690], 5e-8);
    assert!((problem.hill.height(fixed) - 0.3210010).abs() < 5e-8);
    close(after(&problem, Method::TwoLosses, [2.0, 1.0], 10_000), fixed, 1e-12);
    let found = problem.arrivals([2.0, 1.0], fixed, [0.1, 1e-2, 1e-3, 1e-6], 10_000);
    assert_eq!(found, [2007, 2367, 2726, 3804].map(Some));
    close(problem.optimum(), [-0.05, 3.0], 1e-12);
}

#[test]
fn starts_on_the_flat_tail_are_stuck() {
    let problem = notebook();
    for (start, x1) in [(3.0, 2.9576), (4.0, 3.99992)] {
        let x = after(&problem, Method::TwoLosses, [start, 1.0], 20_000);
        assert!((x[0] - x1).abs() < 5e-5, "{x:?}");
        let fixed = problem.fixed_point();
        assert_eq!(problem.arrivals([start, 1.0], fixed, [0.1], 20_000), [None]);
    }
}

#[test]
fn the_second_toy_ends_where_pytorch_does() {
    let hill = Hill { top: [0.0, 0.0], tilt: 0.7 };
    let problem = Problem { hill, target: 1.0, lr: 0.1, ..notebook() };
    for iterations in [1000, 10_000] {
        let x = after(&problem, Method::TwoLosses, [1.5, 0.0], iterations);
        close(x, [-0.636126, 0.908752], 1e-6);
        assert!((problem.hill.height(x) - 0.656276).abs() < 1e-6);
    }
}

#[test]
fn a_coupled_constraint_defeats_two_losses_and_no_multiplier() {
    for (target, stuck, height) in [
        (3.0, [-0.1519, 3.1456], [0.2513, 0.8086]),
        (3.25, [-0.7463, 3.9947], [0.0418, 0.6199]),
        (3.5, [-1.3329, 4.8327], [0.00347, 0.4274]),
    ] {
        let problem = coupled(target);
        let start = [1.2, 1.0];
        let two = after(&problem, Method::TwoLosses, start, 400_000);
        close(two, stuck, 1e-4);
        close(problem.fixed_point(), stuck, 1e-4);
        assert!((problem.hill.height(two) - height[0]).abs() < 5e-5);
        let best = problem.optimum();
        close(best, [(target - 0.5) / 2.0, (target + 0.5) / 2.0], 1e-12);
        assert!((problem.hill.height(best) - height[1]).abs() < 5e-5);
        close(after(&problem, Method::Multiplier, start, 20_000), best, 1e-9);
        close(after(&problem, Method::Eliminate, start, 20_000), best, 1e-9);
    }
}

#[test]
fn the_fixed_point_of_two_losses_has_no_slope_along_x1_and_the_optimum_none_along_the_constraint() {
    let problem = coupled(3.0);
    let fixed = problem.hill.slope(problem.fixed_point());
    let best = problem.hill.slope(problem.optimum());
    assert!(fixed[0].abs() < 1e-12 && fixed[1].abs() > 0.1, "{fixed:?}");
    assert!((best[0] - best[1]).abs() < 1e-12 && best[0].abs() > 0.1, "{best:?}");
}

#[test]
fn the_slope_is_the_derivative_of_the_height() {
    let hill = Hill { top: [1.0, -0.5], tilt: -0.3 };
    let (x, step) = ([0.4, 0.2], 1e-6);
    let along = |x: Coordinates, y: Coordinates| (hill.height(y) - hill.height(x)) / (2.0 * step);
    let expected = [
        along([x[0] - step, x[1]], [x[0] + step, x[1]]),
        along([x[0], x[1] - step], [x[0], x[1] + step]),
    ];
    close(hill.slope(x), expected, 1e-9);
}

#[test]
fn a_level_line_is_level() {
    let hill = Hill { top: [1.0, 1.5], tilt: 0.7 };
    let (x, y) = hill.level_line(0.3);
    assert!(x.iter().zip(&y).all(|(x, y)| (hill.height([*x, *y]) - 0.3).abs() < 1e-12));
}

/// The program computes the map in one go: nothing interrupts one that would take years.
#[test]
fn a_map_without_end_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.json");
    fs::write(&file, r#"{"map_size": 100000}"#).unwrap();
    let refusal = |flags: [OsString; 2]| {
        let words = [OsString::from("two_loss_toy")].into_iter().chain(flags);
        configure::<TwoLossToy>(words).map(|_| ()).unwrap_err().to_string()
    };
    let line = refusal(["--map-steps".into(), i64::MAX.to_string().into()]);
    assert_eq!(line, "--map-steps 9223372036854775807: expected 10000000 or fewer");
    let line = refusal(["--config".into(), file.into()]);
    assert_eq!(line, "--map-size 100000: expected 1000 or fewer");
}
