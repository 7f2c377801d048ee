//! The curves of groups of runs: those of each group as one, by their tags.

use std::collections::BTreeMap;

use super::curves::{self, Curve, MeanCurve};
use super::groups::Group;
use crate::lab::log::tags::is_of_machine;

/// One result of a group.
#[derive(Debug, Default)]
pub struct GroupCurve {
    /// The mean and spread over its networks, at the steps that all of them have.
    pub mean: MeanCurve,
    /// Each network, named by its seed or its run, at the same steps; none where there is one.
    pub members: Vec<Member>,
}

impl GroupCurve {
    /// The curve with the points alone that draw the same picture in so many columns.
    #[must_use]
    pub fn thinned(&self, columns: usize) -> Self {
        let MeanCurve { steps, means, spreads } = &self.mean;
        let kept = curves::thinned(steps, means, columns);
        let some = |all: &[f64]| kept.iter().map(|index| all[*index]).collect();
        let mean = MeanCurve { steps: some(steps), means: some(means), spreads: some(spreads) };
        let member =
            |member: &Member| Member { name: member.name.clone(), values: some(&member.values) };
        Self { mean, members: self.members.iter().map(member).collect() }
    }
}

/// One network of a group.
#[derive(Debug)]
pub struct Member {
    /// What sets it apart from the others of its group.
    pub name: String,
    /// Its values at the steps of the mean.
    pub values: Vec<f64>,
}

/// What the logs of a group's runs say.
#[derive(Debug, Default)]
pub struct GroupCurves {
    /// The results by their tags.
    pub results: BTreeMap<String, GroupCurve>,
    /// What the machine says of each run, by the name of the run and then by tag.
    pub machine: Vec<(String, BTreeMap<String, Curve>)>,
}

/// Columns to which the curves of the machine are thinned at once: many runs may have long ones.
const MACHINE_COLUMNS: usize = 120;

/// Most tags of the machine that are taken of a run.
const MOST_MACHINE_TAGS: usize = 40;

/// Reads the logs of a group's runs. What can't be read of a log is said, and left out.
pub fn read(group: &Group, tags: &[String], with_machine: bool) -> GroupCurves {
    let mut all = GroupCurves::default();
    let mut members: BTreeMap<&String, Vec<(String, Curve)>> = BTreeMap::new();
    for run in group.runs.iter().filter(|run| run.path.join("metrics.jsonl").is_file()) {
        let own: Vec<(&String, Vec<String>)> =
            tags.iter().map(|tag| (tag, run.tags_of(tag))).collect();
        let is_result = |tag: &str| own.iter().any(|(_, own)| own.iter().any(|own| own == tag));
        let wanted = |tag: &str| is_result(tag) || with_machine && is_of_machine(tag);
        let mut found = curves::read_or_say(&run.path, wanted);
        for (tag, own) in &own {
            for each in own {
                let Some(curve) = found.remove(each) else { continue };
                let network = each.strip_prefix(tag.as_str()).unwrap_or_default();
                let network = network.trim_start_matches("/r").parse::<u64>().ok();
                let seed = run.seed.map(|seed| seed.saturating_add(network.unwrap_or(0)));
                let name = seed.map_or(run.name.clone(), |seed| format!("seed {seed}"));
                members.entry(*tag).or_default().push((name, curve));
            }
        }
        found.retain(|tag, _| is_of_machine(tag));
        let found = found.into_iter().take(MOST_MACHINE_TAGS);
        let machine: BTreeMap<String, Curve> =
            found.map(|(tag, curve)| (tag, thinned(&curve))).collect();
        if !machine.is_empty() {
            all.machine.push((run.name.clone(), machine));
        }
    }
    for (tag, members) in members {
        all.results.insert(tag.clone(), joined(members));
    }
    all
}

fn thinned(curve: &Curve) -> Curve {
    let x: Vec<f64> = curve.iter().map(|(step, _)| *step as f64).collect();
    let y: Vec<f64> = curve.iter().map(|(_, value)| *value).collect();
    curves::thinned(&x, &y, MACHINE_COLUMNS).into_iter().map(|index| curve[index]).collect()
}

/// The curves of several networks as one.
fn joined(members: Vec<(String, Curve)>) -> GroupCurve {
    let (names, curves): (Vec<String>, Vec<Curve>) = members.into_iter().unzip();
    let mean = curves::mean(&curves);
    let at_steps = |curve: &Curve| -> Vec<f64> {
        let at = |step: &f64| {
            let place = curve.binary_search_by_key(&(*step as u64), |(step, _)| *step);
            place.map_or(f64::NAN, |place| curve[place].1)
        };
        mean.steps.iter().map(at).collect()
    };
    let members = names.into_iter().zip(&curves);
    let members: Vec<Member> =
        members.map(|(name, curve)| Member { name, values: at_steps(curve) }).collect();
    let members = if members.len() > 1 { members } else { Vec::new() };
    GroupCurve { mean, members }
}
