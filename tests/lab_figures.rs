//! `lab figures`: pictures of a run, again, in another format or size.

#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::path::Path;

use common::{Bench, Outcome, words};
use neuron_lab::lab::figure::{Drawing, Format, Sheet, files};

const LAB: &str = env!("CARGO_BIN_EXE_lab");
const RUN: &str = "--data digits --epochs 1 --hidden 8 --quiet";

fn lab(bench: &Bench, line: &str) -> Outcome {
    bench.execute(LAB, &words(line))
}

#[test]
fn a_run_is_drawn_again_without_its_checkpoint() {
    let bench = Bench::new();
    bench.run(&format!("{RUN} --name a")).expect(0);
    let figures = bench.run_file("a", "figures");
    let before = bench.names(&figures);
    assert!(before.contains(&"learning.json".to_string()), "{before:?}");
    assert!(!before.iter().any(|name| name.ends_with(".pdf")), "{before:?}");
    fs::remove_dir_all(bench.path("checkpoints")).unwrap();

    // In the run's own folder, and then every picture once more into another: the same bytes.
    let said = lab(&bench, "figures a").expect(0).stdout;
    assert!(said.lines().any(|line| line.ends_with("figures/learning.svg")), "{said}");
    lab(&bench, "figures a --figure-format png,svg,pdf --out again").expect(0);
    for name in bench.names(&figures) {
        if !name.ends_with(".csv") && !name.ends_with(".json") {
            let (own, again) = (figures.join(&name), bench.path("again").join(&name));
            assert!(fs::read(own).unwrap() == fs::read(again).unwrap(), "{name}");
        }
    }
    assert_eq!(bench.names("again").len(), before.len());

    lab(&bench, "figures a learning --width 86mm --out column").expect(0);
    assert_eq!(bench.names("column"), ["learning.pdf", "learning.svg"]);
    lab(&bench, "figures a learning --size 178x130mm --figure-format pdf --out column").expect(0);
    let pdf = fs::read(bench.path("column/learning.pdf")).unwrap();
    assert!(String::from_utf8_lossy(&pdf).contains("/MediaBox [0 0 504."));
}

#[test]
fn what_can_not_be_drawn_is_one_line() {
    let bench = Bench::new();
    bench.run(&format!("{RUN} --name a")).expect(0);
    fs::write(bench.path("file"), "mine").unwrap();
    for (line, code, expected) in [
        ("figures b", 2, "b: no such run in"),
        ("figures a weight", 2, "has no figure weight; did you mean \"weights\"? (there are "),
        ("figures a --figure-format svgg", 2, "a similar value exists: 'svg'"),
        ("figures a --width 2mm", 2, "expected a length from 30mm to 420mm"),
        ("figures a learning --size 86x30mm", 1, "drawing learning: the sheet is too low by"),
        ("figures a --out file", 2, "--out file: this is not a folder"),
        ("figures a --out file/in", 1, "making file/in"),
    ] {
        let error = lab(&bench, line).expect(code).error().to_string();
        assert!(error.contains(expected), "{line}: {error}");
    }
    assert_eq!(fs::read_to_string(bench.path("file")).unwrap(), "mine");

    // One file that can't be written costs nothing of what is there.
    fs::create_dir_all(bench.path("out/learning.svg")).unwrap();
    let error = lab(&bench, "figures a learning --out out").expect(1).error().to_string();
    assert!(error.contains("writing out/learning.svg"), "{error}");
    fs::write(bench.run_file("a", "figures/learning.json"), "{\"kind\":").unwrap();
    let error = lab(&bench, "figures a learning").expect(1).error().to_string();
    assert!(error.contains("figures/learning.json is no description of a figure"), "{error}");
}

#[test]
fn figures_of_an_older_version_are_drawn_anew_when_the_run_is_resumed() {
    let bench = Bench::new();
    bench.run(&format!("{RUN} --name a")).expect(0);
    let figures = bench.run_file("a", "figures");
    let whole = bench.names(&figures);
    let png = fs::read(figures.join("learning.png")).unwrap();
    for name in whole.iter().filter(|name| name.ends_with(".json")) {
        fs::remove_file(figures.join(name)).unwrap();
    }
    let config = bench.run_file("a", "config.json");
    let mut settings = bench.json(&config);
    settings.as_object_mut().unwrap().shift_remove("figure_format").unwrap();
    fs::write(&config, settings.to_string()).unwrap();

    let error = lab(&bench, "figures a").expect(2).error().to_string();
    assert!(error.contains("no figure can be drawn from"), "{error}");
    assert!(error.contains("--resume") && error.ends_with("draws them again"), "{error}");
    bench.run("--resume a --quiet").expect(0);
    assert_eq!(bench.names(&figures), whole);
    assert!(fs::read(figures.join("learning.png")).unwrap() == png);
    lab(&bench, "figures a --figure-format pdf").expect(0);
    // Once they are there, the run is finished, as it was.
    let said = bench.run("--resume a").expect(0);
    assert!(said.stderr.contains("a is finished") || said.stdout.contains("a is finished"));
}

#[test]
fn a_run_draws_the_formats_that_it_is_told() {
    let bench = Bench::new();
    let error =
        bench.run(&format!("{RUN} --figure-format pdff --name a")).expect(2).error().to_string();
    assert!(error.contains("a similar value exists: 'pdf'"), "{error}");
    bench.run(&format!("{RUN} --figure-format svg,pdf --name a")).expect(0);
    let names = bench.names(bench.run_file("a", "figures"));
    let count = |ending: &str| names.iter().filter(|name| name.ends_with(ending)).count();
    assert_eq!(count(".png"), 0);
    assert!(count(".svg") > 0 && count(".svg") == count(".pdf") && count(".pdf") == count(".json"));
    // It is no setting of what is computed: it may be another when the run goes on.
    bench.run("--resume a --epochs 2 --figure-format png --quiet").expect(0);
    let names = bench.names(bench.run_file("a", "figures"));
    let count = |ending: &str| names.iter().filter(|name| name.ends_with(ending)).count();
    assert_eq!(count(".png"), count(".pdf"));
    let show = lab(&bench, "show a").expect(0).stdout;
    assert!(show.contains("learning.pdf") && show.contains("learning.png"), "{show}");
}

#[test]
fn the_pictures_of_the_docs_are_what_this_version_draws() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/figures");
    let stale = |name: &String| {
        let drawn = files::read(&files::path(&folder, name, files::DESCRIPTION)).unwrap();
        let drawn = drawn.picture(&Sheet::SCREEN).unwrap().encode(Format::Png).unwrap();
        fs::read(files::path(&folder, name, "png")).unwrap() != drawn
    };
    let stale: Vec<String> = files::described(&folder).into_iter().filter(stale).collect();
    assert!(stale.is_empty(), "lab figures docs/figures --figure-format png draws anew: {stale:?}");
}
