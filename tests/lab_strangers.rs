//! Run folders and sweeps that somebody else wrote: `lab` shows what there is, and nothing in them
//! gives it, the terminal or a browser an order.

#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;

use common::{Bench, Outcome, words};
use serde_json::{Value, json};

const LAB: &str = env!("CARGO_BIN_EXE_lab");
const RUN: &str = "--data digits --steps 6 --hidden 8 --log-every 1 --quiet";
const SWEEP: &str =
    "selector_mnist --data digits --steps 6 --hidden 8 --log-every 1 --device cpu --grid seed=0..1";

fn lab(bench: &Bench, line: &str) -> Outcome {
    bench.execute(LAB, &words(line))
}

/// Changes a JSON file.
fn change(path: &Path, change: impl FnOnce(&mut Value)) {
    let mut value: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    change(&mut value);
    fs::write(path, value.to_string()).unwrap();
}

/// Puts a byte that is no UTF-8 into the second line of a log.
fn damage(log: &Path) {
    let mut bytes = fs::read(log).unwrap();
    let second = bytes.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    bytes[second + 3] = 0xff;
    fs::write(log, bytes).unwrap();
}

#[test]
fn a_damaged_line_of_a_log_costs_itself_alone() {
    let bench = Bench::new();
    for seed in [0, 1] {
        bench.run(&format!("{RUN} --name s{seed} --seed {seed}")).expect(0);
    }
    damage(&bench.run_file("s1", "metrics.jsonl"));
    let out = lab(&bench, "report --out page.html").expect(0);
    let said = "s1/metrics.jsonl: 1 damaged line left out";
    assert!(out.warnings().len() == 1 && out.warnings()[0].contains(said), "{out:#?}");
    let csv = fs::read_to_string(bench.path("page-figures/selector_mnist.csv")).unwrap();
    assert!(csv.lines().any(|line| line.contains(",6.0,")), "{csv}");

    lab(&bench, &format!("sweep {SWEEP} --name s --quiet")).expect(0);
    damage(&bench.path("runs/sweeps/s/selector_mnist/seed=1/metrics.jsonl"));
    let out = lab(&bench, "sweep status s").expect(0);
    assert!(out.stdout.contains("±") && out.warnings().len() == 1, "{out:#?}");
    assert!(out.warnings()[0].contains("seed=1/metrics.jsonl"), "{out:#?}");
}

#[test]
fn nothing_in_a_run_gets_into_a_report_as_html_or_as_another_file() {
    let bench = Bench::new();
    bench.run(&format!("{RUN} --name a")).expect(0);
    fs::write(bench.path("secret"), "my secret").unwrap();
    let figures = bench.run_file("a", "figures");
    symlink(bench.path("secret"), figures.join("link.png")).unwrap();
    fs::copy(figures.join("link.png"), figures.join("text.png")).unwrap();
    let real = bench.names(&figures).into_iter().find(|name| name.ends_with(".png")).unwrap();
    fs::copy(figures.join(&real), bench.path("outside.png")).unwrap();
    symlink(bench.path("outside.png"), figures.join("outside.png")).unwrap();
    fs::copy(figures.join(&real), figures.join("a](..<b>.png")).unwrap();
    let html = "<script>alert(1)</script>";
    change(&bench.run_file("a", "config.json"), |config| {
        config["data"] = json!(format!("{html} ![x](/etc/passwd) ![x](/nowhere)"));
        config[html] = json!("| a\n\n![x](/etc/passwd)\n<script>alert(2)</script>\n");
    });
    change(&bench.run_file("a", "provenance.json"), |record| {
        record["host"] = json!("<img src=x onerror=alert(1)>");
        record["command"] = json!([format!("a\n```\n{html}\n![x](/etc/passwd)\n```"), "b"]);
        record["changed"] = json!({html: html, "data": "=cmd()"});
    });
    let out = lab(&bench, "report --out page.html").expect(0);
    assert!(out.stderr.is_empty(), "{out:#?}");
    let page = fs::read_to_string(bench.path("page.html")).unwrap();
    for foreign in ["<script>alert", "<img src=x", "<b>", "my secret", "root:"] {
        assert!(!page.contains(foreign), "{foreign}: {page}");
    }
    for shown in ["&lt;script&gt;alert(1)", "![x](/etc/passwd)", "default-src 'none'"] {
        assert!(page.contains(shown), "{shown}: {page}");
    }
    assert!(page.contains("outside.png is not among the run"), "{page}");
    assert!(page.contains("text.png is not a PNG"), "{page}");
    // All pictures are drawn here or PNGs: those of the run, and the one with the odd name.
    let own = bench.names(&figures).iter().filter(|name| name.ends_with(".png")).count() - 3;
    assert_eq!(page.matches("<img ").count(), own);
    let begins = ["png;base64,iVBORw0KGgo", "svg+xml;base64,PHN2Zy"];
    let begins = begins.map(|begin| page.matches(&format!("src=\"data:image/{begin}")).count());
    assert_eq!(begins.iter().sum::<usize>(), own, "{begins:?}");
}

#[test]
fn no_control_character_of_a_run_reaches_the_terminal() {
    let bench = Bench::new();
    bench.run(&format!("{RUN} --name a")).expect(0);
    let odd = "b\u{1b}[2J\u{9b}1m\n¶\r";
    let (a, b) = (bench.run_file("a", ""), bench.run_file(odd, ""));
    fs::create_dir_all(b.join("figures")).unwrap();
    for name in ["config.json", "provenance.json", "summary.json", "metrics.jsonl"] {
        fs::copy(a.join(name), b.join(name)).unwrap();
    }
    fs::write(b.join("figures").join(format!("{odd}.png")), "").unwrap();
    change(&b.join("config.json"), |config| config["data"] = json!(odd));
    change(&b.join("provenance.json"), |record| {
        record["host"] = json!(odd);
        record["command"] = json!([odd]);
        record["git_commit"] = json!("--output=written");
        record["changed"] = json!({odd: odd});
        record["results"] = json!([odd]);
    });
    change(&b.join("summary.json"), |summary| {
        summary["metrics"][odd] = json!(1.0);
        summary["best"] = json!({"tag": odd, "value": 1.0, "step": 1});
    });
    fs::create_dir_all(bench.run_file(&format!("foreign{odd}"), "")).unwrap();
    let path = b.to_str().unwrap();
    for (arguments, code) in [
        (vec!["runs"], 0),
        (vec!["runs", "--json"], 0),
        (vec!["show", path], 0),
        (vec!["show", "--json", path], 0),
        (vec!["diff", "a", path], 0),
        (vec!["diff", "a", path, "--all", "--json"], 0),
        (vec!["report"], 0),
        (vec!["show", odd, "--runs", odd], 1),
        (vec!["checkpoint", path], 1),
    ] {
        let out = bench.execute(LAB, &arguments).expect(code);
        for text in [&out.stdout, &out.stderr] {
            let control = text.chars().find(|c| c.is_control() && *c != '\n');
            assert!(control.is_none(), "{arguments:?}: {out:#?}");
        }
        let lines = out.stdout.lines();
        match arguments[..] {
            ["runs"] => assert_eq!(lines.count(), 3, "{out:#?}"),
            [.., "--json"] | [_, "--json", ..] => {
                assert!(out.stdout.contains(r"b\u001b[2J\u009b1m\n¶\r"), "{out:#?}");
                serde_json::from_str::<Value>(&out.stdout).unwrap();
            }
            _ => assert!(!out.stdout.contains("\n¶"), "{out:#?}"),
        }
    }
    assert!(!bench.path("written").exists(), "git took a commit for an option");
}

#[test]
fn what_is_no_regular_file_does_not_hold_up_a_list() {
    let bench = Bench::new();
    bench.run(&format!("{RUN} --name whole")).expect(0);
    let parts = ["config.json", "provenance.json", "summary.json", "metrics.jsonl", ".lock"];
    for (kind, part) in ["pipe", "socket", "device"]
        .iter()
        .flat_map(|kind| parts.iter().map(move |part| (kind, part)))
    {
        let run = bench.run_file(&format!("{kind}-{part}"), "");
        fs::create_dir_all(run.join("figures")).unwrap();
        for part in parts {
            fs::copy(bench.run_file("whole", part), run.join(part)).unwrap();
        }
        for path in [run.join(part), run.join("figures/loss.png")] {
            let _ = fs::remove_file(&path);
            match *kind {
                "pipe" => assert!(Command::new("mkfifo").arg(&path).status().unwrap().success()),
                "socket" => drop(UnixListener::bind(&path).unwrap()),
                _ => symlink("/dev/zero", &path).unwrap(),
            }
        }
    }
    // A pipe that is opened waits for ever.
    let line = |line: &str| bench.execute("timeout", &words(&format!("60 {LAB} {line}")));
    let out = line("runs").expect(0);
    assert_eq!(out.stdout.lines().count(), 1 + 1 + 15);
    for kind in ["pipe", "device"] {
        let said = format!("{kind}-config.json/config.json: this is not a regular file");
        assert!(out.stderr.contains(&said), "{out:#?}");
    }
    line("show pipe-summary.json").expect(0);
    line("diff pipe-config.json whole").expect(0);
    line("report --figures 99").expect(0);
    fs::create_dir_all(bench.path("runs/sweeps/s/selector_mnist")).unwrap();
    Command::new("mkfifo").arg(bench.path("runs/sweeps/s/sweep.json")).status().unwrap();
    assert!(line("sweep status s").expect(2).error().contains("no sweep s"));
}

#[test]
fn a_link_to_a_run_is_another_name_for_it_and_no_other_seed() {
    let bench = Bench::new();
    bench.run(&format!("{RUN} --name a")).expect(0);
    symlink("a", bench.path("runs/selector_mnist/latest")).unwrap();
    symlink("selector_mnist", bench.path("runs/newest")).unwrap();
    let out = lab(&bench, "runs --json").expect(0);
    let runs: Value = serde_json::from_str(&out.stdout).unwrap();
    assert_eq!(runs["runs"].as_array().unwrap().len(), 1);
    lab(&bench, "report --out page.html").expect(0);
    assert!(fs::read_to_string(bench.path("page.md")).unwrap().contains("| 1 of 1 |"));
    for name in ["latest", "newest/a", "runs/selector_mnist/latest", "a"] {
        let out = lab(&bench, &format!("show --json {name}")).expect(0);
        let shown: Value = serde_json::from_str(&out.stdout).unwrap();
        assert_eq!(shown["run"]["name"], "a", "{name}");
        assert!(!shown["checkpoints"].as_array().unwrap().is_empty(), "{name}");
    }
}

/// Puts a shell script into a folder.
fn script(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_sweep_runs_its_experiment_and_no_other_program() {
    let bench = Bench::new();
    lab(&bench, &format!("sweep {SWEEP} --name s --quiet")).expect(0);
    let home = bench.path("runs/sweeps/s");
    let manifest = home.join("sweep.json");
    let begin_again = || fs::remove_dir_all(home.join("selector_mnist/seed=0")).unwrap();
    // A program of the experiment's name in another folder, and one of another name.
    let [same, other] = ["selector_mnist", "another"].map(|name| bench.path("evil").join(name));
    for path in [&same, &other] {
        script(path, &format!("touch {}", bench.path("ran").display()));
    }
    begin_again();
    fs::remove_dir_all(bench.path("checkpoints/sweeps/s/selector_mnist/seed=0")).unwrap();
    change(&manifest, |sweep| sweep["program"] = json!(same));
    lab(&bench, "sweep --resume s --quiet").expect(0);
    assert!(home.join("selector_mnist/seed=0/summary.json").is_file());
    begin_again();
    change(&manifest, |sweep| sweep["program"] = json!(other));
    let refused = lab(&bench, "sweep --resume s --quiet").expect(2);
    assert!(refused.error().contains("another: no such program"), "{refused:#?}");
    assert!(lab(&bench, "member runs/sweeps/s 0").expect(2).error().contains("another"));
    // A program of this project that is another experiment.
    change(&manifest, |sweep| sweep["program"] = json!("depth_width"));
    let refused = lab(&bench, "sweep --resume s --quiet").expect(1);
    assert!(refused.error().contains("is depth_width, and the sweep is"), "{refused:#?}");
    assert!(!bench.path("ran").exists());
}

/// What a stranger changes in the file of a sweep.
type Change = fn(&mut Value);

#[test]
fn a_sweep_stays_in_its_folder() {
    let bench = Bench::new();
    lab(&bench, &format!("sweep {SWEEP} --name s --quiet")).expect(0);
    let manifest = bench.path("runs/sweeps/s/sweep.json");
    let whole = fs::read(&manifest).unwrap();
    let changes: [(&str, Change); 7] = [
        ("\"../../x\" can't be", |sweep| sweep["name"] = json!("../../x")),
        ("\"../x\" can't be", |sweep| sweep["experiment"] = json!("../x")),
        ("\"../../../x\" can't be", |sweep| sweep["points"][0]["name"] = json!("../../../x")),
        ("\"/x\\n\" can't be", |sweep| sweep["points"][0]["name"] = json!("/x\n")),
        ("\"seed=1\" comes twice", |sweep| sweep["points"][0]["name"] = json!("seed=1")),
        ("--runs=/x is not", |sweep| sweep["points"][0]["arguments"] = json!(["--runs=/x"])),
        ("--checkpoints is not", |sweep| sweep["arguments"] = json!(["--checkpoints", "/x"])),
    ];
    for (said, to) in changes {
        fs::write(&manifest, &whole).unwrap();
        change(&manifest, to);
        for line in ["sweep --resume s", "sweep status s", "member runs/sweeps/s 0"] {
            let out = lab(&bench, line).expect(1);
            assert!(out.error().contains("sweep.json is damaged"), "{line}: {out:#?}");
            assert!(out.error().contains(said), "{line}: {out:#?}");
        }
    }
    // Its folder is the one in which the manifest lies, whatever stands there.
    fs::write(&manifest, &whole).unwrap();
    change(&manifest, |sweep| sweep["runs"] = json!("../elsewhere"));
    fs::remove_dir_all(bench.path("runs/sweeps/s/selector_mnist/seed=0")).unwrap();
    fs::remove_dir_all(bench.path("checkpoints")).unwrap();
    lab(&bench, "sweep --resume s --quiet").expect(0);
    assert!(bench.path("runs/sweeps/s/selector_mnist/seed=0/summary.json").is_file());
    assert!(!bench.path("../elsewhere").exists());
}

#[test]
fn a_program_that_makes_no_run_has_failed() {
    let bench = Bench::new();
    let answer =
        json!({"experiment": "toy", "metrics": [], "points": [{"config": {}, "steps": 1}]});
    script(&bench.path("tools/toy"), &format!("[ \"$1\" != --check ] || echo '{answer}'"));
    let path = format!("{}:{}", bench.path("tools").display(), std::env::var("PATH").unwrap());
    let line = format!("PATH={path} {LAB} sweep");
    for line in [format!("{line} toy --grid seed=0 --name s"), format!("{line} --resume s")] {
        let out = bench.execute("sh", &["-c", &line]).expect(1);
        assert!(out.stderr.contains("seed=0: it ended well, but left no result"), "{out:#?}");
    }
}
