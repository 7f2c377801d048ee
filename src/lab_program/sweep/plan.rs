//! A sweep before any of its points runs: everything is checked, then written down.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Map, Value};

use super::args::{Launcher, SweepArgs, reserved};
use super::binary::{self, Checked};
use super::grid::{self, Axis, Combination, MOST_POINTS};
use super::manifest::{Sweep, locate};
use super::median::MedianRule;
use super::search::{Search, Setting};
use super::slurm::check_home;
use crate::lab::counts::counted;
use crate::lab::error::refuse;
use crate::lab::log::console::Console;
use crate::lab::store::folder::check_name;

/// Points of which a refusal is shown.
const SHOWN: usize = 5;

/// A sweep that is in its folder already.
///
/// # Errors
/// Exit code 2 where there is none, or it is asked to be another one.
pub fn resume_sweep(own_args: &SweepArgs, asked: &str, passed: &[String]) -> Result<Sweep> {
    let name = own_args.name.clone().or(own_args.experiment.clone()).unwrap_or_default();
    let asked = if asked.is_empty() { name.as_str() } else { asked };
    if asked.is_empty() {
        return Err(refuse("--resume needs the name of a sweep: lab sweep --resume NAME"));
    }
    let drawn = own_args.search.is_some() || own_args.stop.is_some();
    if drawn || !own_args.grid.is_empty() || !passed.is_empty() {
        let words = "a sweep goes on as it was begun: --resume takes no --grid, --search or --stop, \
                     and no settings";
        return Err(refuse(words));
    }
    Sweep::read(&locate(&own_args.runs, asked)?)
}

/// A new sweep, of which every point is checked; nothing is written.
///
/// # Errors
/// Exit code 2 where a point is refused.
pub fn new_sweep(own_args: &SweepArgs, passed: Vec<String>) -> Result<Sweep> {
    let experiment = own_args.experiment.clone().ok_or_else(|| {
        refuse("expected lab sweep EXPERIMENT --grid KEY=VALUES, or lab sweep --resume NAME")
    })?;
    if let Some(word) = reserved(&passed) {
        return Err(refuse(format!("{word} is not for a sweep")));
    }
    let program = binary::find(&experiment)?;
    let axes: Vec<Axis> =
        own_args.grid.iter().map(|text| grid::axis("--grid", text)).collect::<Result<_>>()?;
    let settings: Vec<Setting> =
        own_args.set.iter().map(|text| Setting::parse(text)).collect::<Result<_>>()?;
    let keys = || axes.iter().map(|axis| &axis.key).chain(settings.iter().map(|one| &one.key));
    let flags: Vec<String> = keys().map(|key| format!("--{key}")).collect();
    if let Some(flag) = reserved(&flags) {
        return Err(refuse(format!("{flag} is not for a sweep")));
    }
    grid::refuse_twins(keys().map(String::as_str))?;
    if flags.is_empty() {
        let words = "expected --grid KEY=VALUES, once for each setting that is swept, or --search";
        return Err(refuse(words));
    }
    let stop = own_args.stop.as_deref().map(MedianRule::parse).transpose()?;
    let (axes, together) = if own_args.together { together(axes)? } else { (axes, Vec::new()) };
    let seed = own_args.search_seed.unwrap_or(0);
    let search = own_args.search.as_ref().map(|text| Search::parse(text, seed, &own_args.set));
    let search = search.transpose()?;
    let combinations = combinations(search.as_ref(), &settings, &axes)?;
    let mut points = grid::points(&combinations);
    let arguments: Vec<String> = passed.into_iter().chain(together).collect();
    let time = jiff::Timestamp::now();
    let default = || format!("{experiment}-{}", time.strftime("%Y%m%dT%H%M%SZ"));
    let name = own_args.name.clone().unwrap_or_else(default);
    check_name(&name)?;
    refuse_unsuitable(&settings, &program, &arguments)?;
    let lines: Vec<Vec<String>> = points
        .iter()
        .map(|point| arguments.iter().chain(&point.arguments).cloned().collect())
        .collect();
    let answer = binary::check(&program, &lines)?;
    let gpu = answer.points.iter().any(Checked::takes_gpu);
    let names: Vec<String> = points.iter().map(|point| point.name.clone()).collect();
    let configs = accepted(&names, answer.points, &mut points)?;
    refuse_twins(&names, &configs)?;
    if let Some(rule) = &stop {
        rule.suits(&points)?;
    }
    let number = |key: &str| configs.iter().filter_map(|config| config.get(key)?.as_u64()).max();
    let sweep = Sweep {
        name,
        experiment: answer.experiment,
        program,
        folder: std::env::current_dir().context("finding the current folder")?,
        arguments,
        axes,
        search,
        stop,
        runs: own_args.runs.clone(),
        checkpoints: own_args.checkpoints.clone(),
        results: answer.metrics,
        threads: number("threads").unwrap_or(1) as usize,
        gpu,
        started: time.to_string(),
        points,
        moved_to: None,
    };
    match own_args.launcher {
        Launcher::Local => refuse_numbered_gpus(&configs)?,
        Launcher::Slurm if sweep.stop.is_some() => {
            let why = "the tasks of a job array do not see how the others are doing";
            return Err(refuse(format!("--stop is for this machine, not for Slurm: {why}")));
        }
        Launcher::Slurm => check_home(&sweep.home())?,
    }
    Ok(sweep)
}

/// The settings of all points: those that are drawn, each with every combination of the grid.
fn combinations(
    search: Option<&Search>,
    settings: &[Setting],
    axes: &[Axis],
) -> Result<Vec<Combination>> {
    let grid = grid::combinations(axes)?;
    let Some(search) = search else { return Ok(grid) };
    let (drawn, each) = (search.random, grid.len());
    if drawn.saturating_mul(each) > MOST_POINTS {
        let what = format!("--search and --grid: {drawn} x {each} points");
        return Err(refuse(format!("{what}; at most {MOST_POINTS} are possible")));
    }
    Ok(grid::crossed(&search.draw(settings)?, &grid))
}

/// Refuses ranges for settings that take no such numbers, as far as the experiment says what it has
/// where they are not set.
fn refuse_unsuitable(settings: &[Setting], program: &Path, arguments: &[String]) -> Result<()> {
    if settings.is_empty() {
        return Ok(());
    }
    let answer = binary::check(program, &[arguments.to_vec()])?;
    match answer.points.first() {
        Some(Checked::Fine { config, .. }) => {
            settings.iter().try_for_each(|setting| setting.suits(config))
        }
        // What is wrong without them is said of every point.
        Some(Checked::Refused { .. }) | None => Ok(()),
    }
}

/// Writes the manifest of a new sweep into a folder of its own.
///
/// # Errors
/// Exit code 2 where the sweep exists; exit code 1 where the folder can't be written.
pub fn begin(sweep: &Sweep) -> Result<()> {
    let home = sweep.home();
    if home.exists() {
        let (home, name) = (home.display(), &sweep.name);
        return Err(refuse(format!("{home} exists already: --resume {name}, or another --name")));
    }
    fs::create_dir_all(&home).with_context(|| format!("making {}", home.display()))?;
    sweep.write()
}

/// Says which points a sweep has, a line for each.
pub fn say_points(sweep: &Sweep) {
    let console = Console::new(false, false);
    for point in &sweep.points {
        let steps =
            point.steps.map(|steps| format!("  {}", counted(steps, "step"))).unwrap_or_default();
        console.print(&format!("{}{steps}", point.name));
    }
}

/// The configurations of the points, where all are fine; their steps go into the points.
fn accepted(
    names: &[String],
    answers: Vec<Checked>,
    points: &mut [grid::Point],
) -> Result<Vec<Map<String, Value>>> {
    let (mut configs, mut refused) = (Vec::new(), Vec::new());
    for ((name, answer), point) in names.iter().zip(answers).zip(points) {
        match answer {
            Checked::Fine { config, steps, .. } => {
                point.steps = steps;
                configs.push(config);
            }
            Checked::Refused { error } => refused.push(format!("{name}: {error}")),
        }
    }
    if refused.is_empty() {
        return Ok(configs);
    }
    let console = Console::new(false, false);
    refused.iter().take(SHOWN).for_each(|line| console.warn(line));
    let (count, all) = (refused.len(), names.len());
    Err(refuse(format!("{count} of {all} points can't be run, so none was started")))
}

/// Refuses devices besides the first: on this machine each point sees one GPU alone.
fn refuse_numbered_gpus(configs: &[Map<String, Value>]) -> Result<()> {
    let device = |config: &Map<String, Value>| {
        let number = config.get("device")?.as_str()?.strip_prefix("cuda:")?;
        (number != "0").then(|| number.to_string())
    };
    let Some(number) = configs.iter().find_map(device) else { return Ok(()) };
    let why = "a point of a sweep sees one GPU, as cuda:0";
    Err(refuse(format!("--device cuda:{number}: {why}; use --device cuda --gpus {number}")))
}

/// Refuses points of equal settings, such as those of `lr=0.1,1e-1`: they would pass for different
/// seeds.
fn refuse_twins(names: &[String], configs: &[Map<String, Value>]) -> Result<()> {
    let mut known = HashMap::new();
    for (name, config) in names.iter().zip(configs) {
        if let Some(first) = known.insert(Value::from(config.clone()).to_string(), name) {
            return Err(refuse(format!("{name} has the settings of {first}")));
        }
    }
    Ok(())
}

/// Takes the axis of seeds out: one run then trains them all, with a leading axis of replicates.
fn together(mut axes: Vec<Axis>) -> Result<(Vec<Axis>, Vec<String>)> {
    let wrong = || refuse("--together needs --grid seed=A..B: it trains those seeds as one batch");
    let place = axes.iter().position(|axis| axis.key == "seed").ok_or_else(wrong)?;
    let seeds: Vec<u64> = axes
        .remove(place)
        .values
        .iter()
        .map(|s| s.parse())
        .collect::<Result<_, _>>()
        .map_err(|_| wrong())?;
    if seeds.windows(2).any(|pair| pair[0].checked_add(1) != Some(pair[1])) {
        return Err(wrong());
    }
    let count = seeds.len();
    Ok((axes, vec![format!("--seed={}", seeds[0]), format!("--replicates={count}")]))
}
