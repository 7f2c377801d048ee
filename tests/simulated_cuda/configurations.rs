//! The configurations that run on the simulated device: those of `tests/golden/`, and what they leave
//! out.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::bench::{finish, program, quietly};
use crate::common::{EXPERIMENTS, words};

/// Commands of one experiment, run one after another.
#[derive(Debug, Clone)]
pub struct Configuration {
    pub experiment: String,
    pub name: String,
    pub commands: Vec<String>,
}

/// Files of configurations, of which every test of golden numbers and every test here adds some.
const FILES: [&str; 2] =
    ["tests/golden/configurations.ini", "tests/simulated_cuda/configurations.ini"];

/// Values that are the CPU's alone, which a run on CUDA refuses.
const OF_THE_CPU: [&str; 2] = ["--compute gather", "--engine rows"];

/// Values that an experiment refuses on every device.
const REFUSED: [&str; 2] =
    ["selector_continual --schedule plateau", "efficient_coding --schedule plateau"];

impl Configuration {
    /// Whether a run on CUDA refuses it.
    pub fn is_of_the_cpu(&self) -> bool {
        OF_THE_CPU.iter().any(|flag| self.commands.iter().any(|line| line.contains(flag)))
    }
}

/// Every configuration, the name of whose run is `run`. Those that begin with the files of another
/// run are left out: they are about files.
pub fn all() -> Vec<Configuration> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |file: &str| fs::read_to_string(root.join(file)).unwrap();
    FILES.iter().flat_map(|file| parse(&read(file))).collect()
}

fn parse(text: &str) -> Vec<Configuration> {
    let (mut experiment, mut shared) = (String::new(), String::new());
    let mut found = Vec::new();
    for line in
        text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        if let Some(section) = line.strip_prefix('[') {
            (experiment, shared) = (section.trim_end_matches(']').into(), String::new());
            continue;
        }
        let (name, steps) = line.split_once('=').unwrap_or((line, ""));
        let (name, mut steps) = (name.trim(), steps.split('|').map(str::trim));
        let first = steps.next().unwrap_or_default();
        if name == "shared" {
            shared = first.into();
        } else if !first.starts_with("copy ") {
            let mut commands = vec![format!("{} --name run", merged(&shared, first))];
            let further = steps.filter(|step| !step.starts_with("cut ") && *step != "eval");
            commands.extend(further.map(|step| format!("--resume run {step}")));
            let experiment = experiment.clone();
            found.push(Configuration { experiment, name: name.into(), commands });
        }
    }
    found
}

/// The flags that all configurations of an experiment share, and those of one of them, whose own
/// value counts.
fn merged(shared: &str, own: &str) -> String {
    let own_words = words(own);
    let flags = format!(" {shared}");
    let flags = flags.split(" --").skip(1).map(|flag| format!("--{flag}"));
    let kept =
        flags.filter(|flag| !own_words.contains(&flag.split(' ').next().unwrap_or_default()));
    kept.chain([own.to_string()]).collect::<Vec<_>>().join(" ")
}

/// A flag whose value is one of a few.
#[derive(Debug, Default)]
struct Choice {
    flag: String,
    values: Vec<String>,
    default: Option<String>,
}

/// The choices of an experiment, from its help.
fn choices(experiment: &str) -> Vec<Choice> {
    let mut command = Command::new(program(experiment));
    command.arg("--help");
    quietly(&mut command);
    let help = finish(command).expect(0).stdout;
    let mut found: Vec<Choice> = Vec::new();
    for line in help.lines().map(str::trim) {
        if line.starts_with("--") || (line.starts_with('-') && line.contains(", --")) {
            let flag = words(line).into_iter().find(|word| word.starts_with("--")).unwrap();
            found.push(Choice { flag: flag.into(), ..Choice::default() });
        }
        let Some(choice) = found.last_mut() else { continue };
        if let Some(inline) = line.strip_prefix("[possible values: ") {
            choice.values.extend(inline.trim_end_matches(']').split(", ").map(String::from));
        } else if let Some(value) = line.strip_prefix("- ") {
            choice.values.push(value.split(':').next().unwrap_or_default().into());
        } else if let Some(default) = line.strip_prefix("[default: ") {
            choice.default = Some(default.trim_end_matches(']').into());
        }
    }
    found.retain(|choice| !choice.values.is_empty());
    found
}

/// The values of a flag in the configurations of an experiment, of lists each one.
fn used(configurations: &[Configuration], flag: &str) -> BTreeSet<String> {
    let mut values = BTreeSet::new();
    for line in configurations.iter().flat_map(|found| &found.commands) {
        let pairs = words(line);
        let given = pairs.windows(2).filter(|pair| pair[0] == flag);
        values.extend(given.flat_map(|pair| pair[1].split(',')).map(String::from));
    }
    values
}

/// Flags that no device sees: TensorFloat-32 is a switch of NVIDIA's libraries, which are not simulated, and
/// figures are painted on the host.
const BESIDES: [&str; 2] = ["--tf32", "--figure-format"];

/// Rules, constraints, engines, ways of computing, optimizers: every value of every flag that has a
/// few, but for the default of each, which the other configurations have.
#[test]
fn every_choice_is_in_a_configuration() {
    let mut missing = Vec::new();
    for experiment in EXPERIMENTS {
        let mut own = all();
        own.retain(|found| found.experiment == experiment);
        assert!(own.len() > 2, "{experiment}: {own:?}");
        for choice in choices(experiment).iter().filter(|choice| !BESIDES.contains(&&*choice.flag))
        {
            let used = used(&own, &choice.flag);
            let left = choice.values.iter().filter(|value| !used.contains(*value));
            let left = left.filter(|value| Some(*value) != choice.default.as_ref());
            let left = left.map(|value| format!("{experiment} {} {value}", choice.flag));
            missing.extend(left.filter(|found| !REFUSED.contains(&found.as_str())));
        }
    }
    assert!(missing.is_empty(), "no configuration has:\n{}", missing.join("\n"));
}
