//! Continual learning: what the notebook saw, what every method does, and the program.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod common;

use std::ffi::OsString;
use std::path::Path;

use common::{Bench, Outcome, cut, fetched, words};
use neuron_lab::data::ImageData;
use neuron_lab::lab::store::checkpoint::Checkpoint;
use neuron_lab::lab::tensor::rng::Seeds;
use neuron_lab::lab::tensor::to_host;
use neuron_lab::lab::train::experiment::Experiment;
use neuron_lab::lab::train::finite::FinitePolicy;
use neuron_lab::lab::{configure, open_session};
use neuron_lab::selector::SelectorContinual;
use neuron_lab::selector::continual::config::ContinualConfig;
use neuron_lab::selector::network::SelectorNetwork;
use neuron_lab::selector::task_sequence::batches::{BatchSource, Batches};
use neuron_lab::selector::task_sequence::evaluation::test;
use neuron_lab::selector::task_sequence::scores::collapsed;
use neuron_lab::selector::task_sequence::tasks::Tasks;
use serde_json::Value;
use tch::{Device, Kind, Tensor, no_grad_guard};

const NAME: &str = "selector_continual";
const METHODS: [&str; 6] = ["base", "ewc", "ewc-online", "si", "replay", "joint"];

fn run(bench: &Bench, line: &str) -> Outcome {
    let line = if line.contains("mnist") { line.into() } else { format!("{line} --data digits") };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("data");
    let line = format!("{line} --data-dir {} --device cpu --quiet", folder.display());
    bench.execute(env!("CARGO_BIN_EXE_selector_continual"), &words(&line))
}

/// The last value of a tag, in percent.
fn percent(bench: &Bench, name: &str, tag: &str) -> f64 {
    let summary: Value = bench.json(format!("runs/{NAME}/{name}/summary.json"));
    100.0 * summary["metrics"][tag].as_f64().unwrap_or_else(|| panic!("no {tag} in {summary}"))
}

fn config(line: &str) -> ContinualConfig {
    let words: Vec<OsString> =
        format!("{NAME} {line}").split_whitespace().map(OsString::from).collect();
    configure::<SelectorContinual>(words).unwrap().experiment
}

/// The tasks of the seeds 0, 1, ...
fn tasks(config: &ContinualConfig, data: &ImageData, replicates: i64) -> Tasks {
    let seeds = Seeds { first: 0, count: replicates };
    Tasks::new(config.benchmark, config.scenario(), data, seeds, Device::Cpu).unwrap()
}

/// Without a method, class-incremental learning keeps the last task alone, whatever the network;
/// with plain SGD, a weak penalty changes nothing.
#[test]
fn class_incremental_learning_forgets_everything() {
    if fetched("mnist").is_none() {
        return;
    }
    let bench = Bench::new();
    let mut naive = 0.0;
    for (name, line) in [
        ("mlp", "--num-computation 1"),
        ("printed", "--ste-sign as-printed"),
        ("k5", "--num-computation 5"),
        ("ewc10", "--num-computation 1 --method ewc --lambda 10"),
        ("ewc100", "--num-computation 1 --method ewc --lambda 100 --fisher-samples 200"),
    ] {
        run(&bench, &format!("{line} --data mnist --log-every 188 --name {name}")).expect(0);
        let mean = percent(&bench, name, "eval/average_accuracy");
        println!("{name}: mean {mean:.2} %");
        assert!((18.6..19.8).contains(&mean), "{name}: {mean}");
        if name == "mlp" {
            naive = mean;
        } else if name.starts_with("ewc") {
            assert!((mean - naive).abs() < 0.5, "{name}: {mean}, naive {naive}");
        }
        for task in 1..5 {
            let accuracy = percent(&bench, name, &format!("eval/accuracy/task{task}"));
            assert!(accuracy < 2.0, "{name}, task {task}: {accuracy}");
        }
        let last = percent(&bench, name, "eval/accuracy/task5");
        assert!((93.0..98.5).contains(&last), "{name}: {last}");
        assert_eq!(percent(&bench, name, "eval/collapsed"), 0.0);
    }
}

/// A strong penalty by its gradient diverges under SGD; solved for, it is stable.
#[test]
fn a_strong_penalty_needs_the_implicit_step() {
    if fetched("mnist").is_none() {
        return;
    }
    let bench = Bench::new();
    let line = "--data mnist --num-computation 1 --method ewc --lambda 1e4 --log-every 188 \
                --fisher-samples 200";
    let outcome = run(&bench, &format!("{line} --penalty-step gradient --name wild")).expect(3);
    assert!(outcome.error().contains("not finite"), "{outcome:?}");
    run(&bench, &format!("{line} --name calm")).expect(0);
    assert!(percent(&bench, "calm", "eval/accuracy/task5") > 80.0);
}

/// The smallest of the published comparison: permuted MNIST, a 64-64 perceptron, one epoch a task.
#[test]
fn permuted_tasks_are_forgotten_slowly() {
    if fetched("mnist").is_none() {
        return;
    }
    let bench = Bench::new();
    run(&bench, "--data mnist --preset permuted-mlp-64 --log-every 938 --name p").expect(0);
    let mean = percent(&bench, "p", "eval/average_accuracy");
    println!("permuted, MLP 64-64: {mean:.2} %");
    assert!((80.0..84.5).contains(&mean), "{mean}");
    assert!(percent(&bench, "p", "eval/forgetting") > 5.0);
}

/// The accuracies of a network that answers one class to everything, which the notebook's base
/// model has for the class 3; of one whose logits are not numbers, which argmax takes for class 0.
#[test]
fn a_constant_answer_is_told_from_an_accuracy() {
    let Some(data) = fetched("mnist") else { return };
    tch::set_num_threads(1);
    let config = config("--num-computation 1 --hidden 4");
    let tasks = tasks(&config, &data, 1);
    let shape = config.network.shape(784, 10);
    let params = shape.parameters(Seeds { first: 0, count: 1 }, Device::Cpu).unwrap();
    let options = config.network.options();
    let network = SelectorNetwork::new(&shape, options, &params, Device::Cpu).unwrap();
    let _guard = no_grad_guard();
    let bias = params.named().into_iter().find(|(name, _)| name == "output.bias").unwrap().1;
    let accuracies = || {
        let found = test(&network, &params, &tasks, &data.test, 1, None).unwrap();
        let answers = to_host::values(&found.answers).unwrap();
        (to_host::values(&found.accuracy).unwrap(), collapsed(&answers))
    };
    let known = [46.34, 53.66, 50.54, 49.46, 52.40, 47.60, 48.24, 51.76, 49.12, 50.88];
    for (class, expected) in known.into_iter().enumerate() {
        let _ = bias.shallow_clone().zero_();
        let _ = bias.get(class as i64).fill_(1e6);
        let (found, constant) = accuracies();
        assert_eq!(constant, Some(class));
        for (task, accuracy) in found.iter().enumerate() {
            let expected = if task == class / 2 { expected } else { 0.0 };
            assert!((100.0 * accuracy - expected).abs() < 0.005, "class {class}: {found:?}");
        }
    }
    let _ = bias.shallow_clone().fill_(f64::NAN);
    let (found, constant) = accuracies();
    assert_eq!(constant, Some(0));
    assert!((100.0 * found[0] - 46.34).abs() < 0.005, "{found:?}");
}

/// The Fisher information of the read-out by its closed form: of a sample, (p - y)^2 for a bias and
/// (p - y)^2 h^2 for a weight.
#[test]
fn fisher_information_is_the_mean_squared_gradient() {
    let bench = Bench::new();
    let line =
        "--num-computation 1 --hidden 6 --method ewc --fisher-samples 100000 --batch-size 32";
    run(&bench, &format!("{line} --checkpoint-every 1 --keep 100 --name f")).expect(0);
    let data = fetched("digits").unwrap();
    let config = config("--num-computation 1 --hidden 6");
    let tasks = tasks(&config, &data, 1);
    let steps = cut::last(&bench.path(""), NAME, "f").manifest.step / 5;
    cut::after_step(&bench.path(""), NAME, "f", "one", steps);
    let saved = cut::last(&bench.path(""), NAME, "one").tensors;
    let places = tasks.train_places(0).unsqueeze(0);
    let batch = tasks.batch(&data.train, &places, &places.zeros_like());
    let hidden = batch.images.linear(
        &saved["layer1.computation.weight"].squeeze_dim(0),
        Some(&saved["layer1.computation.bias"].squeeze_dim(0)),
    );
    let hidden = hidden.relu();
    let logits = hidden.linear(&saved["output.weight"], Some(&saved["output.bias"]));
    let wrong = logits.softmax(-1, Kind::Float) - batch.targets.one_hot(10);
    let samples = places.numel() as f64;
    let bias = wrong.square().sum_dim_intlist(0, false, Kind::Float) / samples;
    let weight = wrong.square().tr().matmul(&hidden.square()) / samples;
    for (key, expected) in [("output.bias", bias), ("output.weight", weight)] {
        let found = &saved[&format!("state.importance.{key}")];
        let error = (found - &expected).abs().max() / expected.abs().max();
        assert!(error.double_value(&[]) < 1e-4, "{key}: {error:?}");
        let pull = &saved[&format!("state.pull.{key}")] - found * &saved[key];
        assert!(pull.abs().max().double_value(&[]) < 1e-6, "{key}");
    }
}

/// What `--protect` leaves out has no importance and no pull, by every method. What it protects has,
/// after the first task, that of a run which protects everything: until then nothing pulls.
#[test]
fn a_penalty_protects_what_it_is_told_to() {
    for method in ["ewc", "ewc-online", "si"] {
        let bench = Bench::new();
        let learn = "--num-computation 3 --selector low-rank --rank 4 --hidden 8,6 --batch-size 32";
        let line = format!("{learn} --method {method} --fisher-samples 20 --lambda 10");
        let line = format!("{line} --lr 0.05 --checkpoint-every 1 --keep 100");
        let home = bench.path("");
        let saved = |protect: &str| {
            run(&bench, &format!("{line} --protect {protect} --name {protect}")).expect(0);
            let whole = cut::last(&home, NAME, protect);
            let first = format!("{protect}-first");
            cut::after_step(&home, NAME, protect, &first, whole.manifest.step / 5);
            [whole.tensors, cut::last(&home, NAME, &first).tensors]
        };
        let [_, all] = saved("all");
        for protect in ["selectors", "computation"] {
            let [whole, first] = saved(protect);
            for (key, tensor) in &whole {
                let Some(name) = key.strip_prefix("state.importance.") else { continue };
                let selects = name.contains("selection") || name.contains("projection");
                let pull = &whole[&format!("state.pull.{name}")];
                let none = [tensor, pull].map(|of| of.count_nonzero(None).int64_value(&[]) == 0);
                let protected = selects == (protect == "selectors");
                assert_eq!(none, [!protected; 2], "{method}, {protect}: {name}");
                if protected {
                    assert_eq!(first[key], all[key], "{method}, {protect}: {name}");
                }
            }
        }
    }
}

/// The pixels of a permuted task are those of the image in another order, the same for all images,
/// another for every task and replicate; the first task has them as they are.
#[test]
fn a_permuted_task_has_the_same_pixels() {
    let data = fetched("digits").unwrap();
    let config = config("--benchmark permuted");
    let tasks = tasks(&config, &data, 2);
    let places = Tensor::arange(50, (Kind::Int64, Device::Cpu)).expand([2, 50], false);
    let of = |task: i64| tasks.batch(&data.train, &places, &places.full_like(task)).images;
    let plain = data.train.images.narrow(0, 0, 50);
    for replicate in 0..2 {
        assert_eq!(of(0).get(replicate), plain);
    }
    let sorted = |images: &Tensor| images.sort(-1, false).0;
    for task in 1..5 {
        let images = of(task);
        assert_ne!(images.get(0), images.get(1));
        assert_ne!(images, of(task - 1));
        // Pixel by pixel over the images, the columns are the same set.
        for replicate in 0..2 {
            assert_eq!(sorted(&images.get(replicate)), sorted(&plain));
            let sum = |images: &Tensor| {
                sorted(&images.tr().contiguous().sum_dim_intlist(1, false, Kind::Double))
            };
            assert!(
                (sum(&images.get(replicate)) - sum(&plain)).abs().max().double_value(&[]) < 1e-4
            );
        }
    }
}

/// The steps of a task are the mean of the tasks' images over the batch size, however large the numbers.
#[test]
fn the_steps_of_a_task_are_as_many_as_it_takes() {
    let data = fetched("digits").unwrap();
    let tasks = tasks(&config(""), &data, 1);
    let seeds = Seeds { first: 0, count: 1 };
    // 1437 images in all.
    for (batch_size, epochs, expected) in
        [(32, 1, 9), (288, 3, 3), (i64::MAX, 1, 1), (1, u64::MAX, u64::MAX / 5)]
    {
        let source = BatchSource::Task;
        let batches = Batches::new(source, batch_size, &tasks, epochs, seeds, Device::Cpu);
        assert_eq!(batches.task_steps, expected, "{batch_size}, {epochs}");
    }
}

#[test]
fn memory_and_joint_training_keep_what_is_forgotten_otherwise() {
    let bench = Bench::new();
    let accuracy = |line: &str, name: &str| {
        let learn = "--optimizer adam --lr 0.003 --epochs 10 --batch-size 32 --memory 50";
        run(&bench, &format!("{learn} {line} --name {name}")).expect(0);
        percent(&bench, name, "eval/average_accuracy")
    };
    let base = accuracy("", "base");
    let replay = accuracy("--method replay", "replay");
    let joint = accuracy("--method joint", "joint");
    let told = accuracy("--scenario task", "task");
    println!("base {base:.1}, replay {replay:.1}, joint {joint:.1}, task told {told:.1} %");
    assert!(base < 30.0 && replay > 70.0 && joint > 80.0 && told > 60.0);
    // An answer among two outputs is right at least as often as among ten.
    assert!(
        percent(&bench, "base", "eval/told/task1")
            >= percent(&bench, "base", "eval/accuracy/task1")
    );
}

/// A run that died goes on with the same bits: in the middle of a task, at its end, and after it.
#[test]
fn a_run_that_died_goes_on_with_the_same_bits() {
    for (i, method) in METHODS.iter().enumerate() {
        let bench = Bench::new();
        let home = bench.path("");
        let learn = match i % 3 {
            0 => "--optimizer adam --lr 0.01 --num-computation 3",
            1 => "--replicates 2 --benchmark permuted",
            _ => "--optimizer momentum --num-computation 1",
        };
        let line = format!("{learn} --method {method} --hidden 8 --batch-size 64 --lambda 10");
        let line = format!("{line} --fisher-samples 20 --checkpoint-every 1 --keep 500");
        run(&bench, &format!("{line} --name whole")).expect(0);
        let steps = cut::last(&home, NAME, "whole").manifest.step / 5;
        for step in [2, steps, 2 * steps - 1, 2 * steps + 1] {
            let name = format!("cut{step}");
            cut::after_step(&home, NAME, "whole", &name, step);
            run(&bench, &format!("--resume {name}")).expect(0);
            cut::assert_same(&home, NAME, "whole", &name);
            let figure = |name: &str| {
                std::fs::read(bench.path(format!("runs/{NAME}/{name}/figures/matrix.csv"))).unwrap()
            };
            assert!(figure("whole") == figure(&name), "{method} {step}");
        }
    }
}

/// Replicate r of a launch is the run of seed + r.
#[test]
fn a_replicate_is_the_run_of_its_seed() {
    for method in METHODS {
        let bench = Bench::new();
        let line = format!("--method {method} --benchmark permuted --hidden 8 --lambda 3");
        run(&bench, &format!("{line} --replicates 2 --name two")).expect(0);
        run(&bench, &format!("{line} --seed 1 --name one")).expect(0);
        let saved = |name: &str| cut::last(&bench.path(""), NAME, name).tensors;
        let (two, one) = (saved("two"), saved("one"));
        for (key, alone) in &one {
            if key.starts_with("state.lab") || key.starts_with("optim.") {
                continue;
            }
            let together = two[key].get(1);
            let error = (&together - alone).abs().max() / alone.abs().max().clamp_min(1e-3);
            assert!(error.double_value(&[]) < 1e-3, "{method}: {key}: {error:?}");
        }
    }
}

/// Between logging steps, nothing of a step waits for the device, not even a task's end.
#[test]
fn only_a_logging_step_reads() {
    let bench = Bench::new();
    tch::set_num_threads(1);
    for method in METHODS {
        let line = format!(
            "--data digits --method {method} --log-every 1000 --fisher-samples 5 --name {method}"
        );
        let mut session = open_session::<SelectorContinual>(bench.arguments(&line)).unwrap();
        let steps = session.experiment().schedule().evaluate_every;
        session.set_finite_policy(FinitePolicy::WhenLogging);
        for step in 0..steps + 3 {
            let before = to_host::count();
            session.one_step().unwrap();
            let expected = u64::from(step + 1 == steps);
            assert_eq!(to_host::count() - before, expected, "{method}, step {step} of {steps}");
        }
    }
}

#[test]
fn what_makes_no_sense_is_refused_in_one_line() {
    let bench = Bench::new();
    for (line, said) in [
        ("--benchmark permuted --scenario class", "--scenario class: the permuted tasks have"),
        ("--method ewc --lambda=-1", "--lambda -1: expected a number from 0"),
        ("--method ewc --lambda nan", "--lambda"),
        ("--fisher-samples 0", "--fisher-samples 0"),
        ("--memory 0", "--memory 0"),
        ("--memory 0 --hidden 0 --lr 0", "1 or more; --hidden 0: expected numbers of neurons"),
        ("--probe-samples 0", "--probe-samples 0"),
        ("--si-damping 0", "--si-damping 0"),
        ("--online-decay 1.5", "--online-decay 1.5"),
        ("--protect selectors --num-computation 1", "--protect selectors: there are none that"),
        ("--protect selectors --rule frozen", "--protect selectors: there are none that"),
        ("--num-computation 0", "--num-computation 0"),
        (
            "--steps 5",
            "--steps 5 does not apply: the length is in passes through each task, --epochs",
        ),
        ("--epochs 0", "--epochs 0"),
        ("--patience 2", "--patience 2 does not apply: a run learns all its tasks"),
        ("--schedule plateau", "--schedule plateau"),
        ("--method ewo", "ewc"),
        ("--hiden 8", "--hidden"),
    ] {
        let outcome = run(&bench, line).expect(2);
        assert!(outcome.error().contains(said), "{line}: {outcome:?}");
        assert!(!bench.path("runs").exists(), "{line}");
    }
}

#[test]
fn the_page_explains_every_tag() {
    let page = include_str!("../docs/selector_continual.md");
    for (tag, meaning) in SelectorContinual::SPEC.tags {
        assert!(page.contains(&format!("| `{tag}` | {meaning} |")), "{tag}");
    }
}

/// The penalty's gradient is that before the step, as the loss and its gradient are:
/// lambda (A w - B) of the checkpoint before it.
#[test]
fn the_logged_pull_is_that_before_the_step() {
    let ewc = "--method ewc --lambda 30";
    for method in
        [ewc, "--method ewc --lambda 30 --penalty-step gradient", "--method si --lambda 30"]
    {
        let bench = Bench::new();
        let line = format!("{method} --hidden 8 --batch-size 64 --fisher-samples 20 --lr 0.01");
        let line =
            format!("{line} --log-every 1 --probe-samples 10 --checkpoint-every 1 --keep 500");
        run(&bench, &format!("{line} --name a")).expect(0);
        let folder = bench.path(format!("checkpoints/{NAME}/a"));
        let last = cut::last(&bench.path(""), NAME, "a").manifest.step as i64;
        let log =
            std::fs::read_to_string(bench.path(format!("runs/{NAME}/a/metrics.jsonl"))).unwrap();
        let entries: Vec<Value> =
            log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        // After the first task, and well within the third.
        for step in [last / 5 + 1, last / 2] {
            let path = folder.join(format!("step-{:08}.json", step - 1));
            let tensors = Checkpoint::read(&path).unwrap().tensors;
            let mut square = 0.0;
            for (name, importance) in &tensors {
                let Some(name) = name.strip_prefix("state.importance.") else { continue };
                let wide = |name: &str| tensors[name].to_kind(Kind::Double);
                let pull = importance.to_kind(Kind::Double) * wide(name)
                    - wide(&format!("state.pull.{name}"));
                square += pull.square().sum(Kind::Double).double_value(&[]);
            }
            let known = 30.0 * square.sqrt();
            let entry = entries.iter().find(|entry| {
                entry["step"] == step && entry["values"]["penalty/gradient_norm"].is_number()
            });
            let logged = entry.unwrap()["values"]["penalty/gradient_norm"].as_f64().unwrap();
            // What is left of large numbers is small right after a task.
            assert!((logged - known).abs() < 1e-3 * known + 1e-5, "{method}: {logged} {known}");
            assert!(step < last / 2 || known > 1e-3, "{method}: {known}");
        }
    }
}
