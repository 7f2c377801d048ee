//! Reports on runs of every kind, whatever people called them.

#![allow(clippy::unwrap_used)]

mod common;

use std::fs;

use common::{Bench, Outcome, words};
use neuron_lab::lab::figure::{Format, LineFigure, Series, files};
use serde_json::{Value, json};

const LAB: &str = env!("CARGO_BIN_EXE_lab");

/// A run folder as an experiment would have left it.
struct Made<'a> {
    experiment: &'a str,
    name: String,
    /// Settings, of which `data`, `lr` and `seed` are read here.
    config: Value,
    /// (step, value of the result); null where it is not finite.
    curve: Vec<(u64, Value)>,
    tag: &'a str,
    /// Its status; none where it never wrote a summary.
    status: Option<&'a str>,
}

impl Default for Made<'_> {
    fn default() -> Self {
        Self {
            experiment: "toy",
            name: "a".into(),
            config: json!({"lr": 0.1, "data": "none", "seed": 0}),
            curve: (1..=5).map(|step| (step, json!(1.0 / step as f64))).collect(),
            tag: "eval/loss",
            status: Some("done"),
        }
    }
}

impl Made<'_> {
    fn write(&self, bench: &Bench) {
        let path = bench.path("runs").join(self.experiment).join(&self.name);
        fs::create_dir_all(&path).unwrap();
        let write =
            |name: &str, value: Value| fs::write(path.join(name), value.to_string()).unwrap();
        let mut changed = self.config.clone();
        changed.as_object_mut().unwrap().shift_remove("data");
        write("config.json", self.config.clone());
        let started = "2026-11-20T00:00:00Z";
        write(
            "provenance.json",
            json!({"changed": changed, "results": [self.tag], "started": started}),
        );
        let lines = self.curve.iter().map(|(step, value)| {
            let values = json!({self.tag: value, "time/step_ms": 2.5, "train/x": 1});
            json!({"step": step, "values": values}).to_string() + "\n"
        });
        fs::write(path.join("metrics.jsonl"), lines.collect::<String>()).unwrap();
        if let Some(status) = self.status {
            let (steps, last) = self.curve.last().cloned().unwrap_or_default();
            let metrics = json!({self.tag: last});
            write("summary.json", json!({"status": status, "steps": steps, "metrics": metrics}));
        }
    }
}

/// The page of a report on everything, and its Markdown.
fn report(bench: &Bench) -> (String, String) {
    let out: Outcome = bench.execute(LAB, &words("report --out page.html")).expect(0);
    assert!(out.stderr.is_empty(), "{out:#?}");
    let read = |name: &str| fs::read_to_string(bench.path(name)).unwrap();
    (read("page.html"), read("page.md"))
}

/// The numbers behind the charts of a page.
fn charts(page: &str) -> Vec<Value> {
    let begin = "<script type=\"application/json\">";
    let all = page.split(begin).skip(1).map(|rest| rest.split("</script>").next().unwrap());
    all.map(|text| serde_json::from_str(text).unwrap()).collect()
}

#[test]
fn nothing_that_people_write_becomes_markup() {
    let bench = Bench::new();
    let odd = "x\"><script>alert(1)<!--' onload='y";
    let tag = "eval/<img src=x onerror=alert(2)>";
    let made = Made { name: odd.into(), tag, ..Made::default() };
    made.write(&bench);
    let config = json!({"lr": "</script><script>alert(3)</script>", "data": "<svg onload=a()>"});
    Made { name: "b".into(), tag, config, ..Made::default() }.write(&bench);
    let labels =
        json!({"note": "</td><script>alert(4)</script>", "tags": ["<b>", "\"onclick=\"z"]});
    let path = bench.path("runs/toy").join(odd).join("labels.json");
    fs::write(path, labels.to_string()).unwrap();
    let (page, text) = report(&bench);
    let data = page.matches("<script type=\"application/json\">").count();
    assert_eq!(data, charts(&page).len());
    // The page's own script, and no other.
    assert_eq!(page.matches("<script").count(), data + 1);
    assert_eq!(page.matches("</script").count(), data + 1);
    for foreign in ["<img", "<svg onload", "<b>", "<!--", "\"onclick", "\"><script"] {
        assert!(!page.contains(foreign), "{foreign}");
    }
    for shown in ["&lt;/td&gt;&lt;script&gt;alert(4)", "&lt;img src=x onerror=alert(2)&gt;"] {
        assert!(page.contains(shown), "{shown}");
    }
    assert_eq!(charts(&page)[0]["curves"][0]["name"], odd);
    let policy = page.split("script-src 'sha256-").nth(1).unwrap();
    assert!(policy.split(';').next().unwrap().len() == 45, "{policy}");
    // What repeats a run stands between fences, where Markdown reads nothing.
    let prose: String = text.split("```").step_by(2).collect();
    for foreign in ["<script", "<img", "<b>", "<svg"] {
        assert!(!prose.contains(foreign), "{foreign}: {text}");
    }
}

#[test]
fn data_sets_do_not_share_an_axis_and_a_group_of_one_has_no_seeds() {
    let bench = Bench::new();
    for (name, data, seed, scale) in
        [("a", "digits", 0, 1.0), ("b", "digits", 1, 1.1), ("c", "mnist", 0, 3.0)]
    {
        let config = json!({"lr": 0.1, "data": data, "seed": seed});
        let curve = (1..=5).map(|step| (step, json!(scale * 0.72667 / step as f64))).collect();
        Made { name: name.into(), config, curve, ..Made::default() }.write(&bench);
    }
    let (page, text) = report(&bench);
    for title in ["toy on digits", "toy on mnist", "Contents", "Time and memory"] {
        assert!(page.contains(title), "{title}");
    }
    // The mean of 0.145334 and 0.1598674 and their standard deviation, 0.010277.
    assert!(text.contains("| 2 of 2 | 0.153 ± 0.010 |"), "{text}");
    assert_eq!(page.matches("standard deviation of 2 seeds").count(), 1);
    let all = charts(&page);
    let [digits, of_time, mnist, _] = &all[..] else { panic!("{} charts", all.len()) };
    assert_eq!(
        (digits["curves"].as_array().unwrap().len(), of_time["steps"][0][4].as_u64()),
        (1, Some(5))
    );
    assert_eq!(digits["curves"][0]["members"][1][0], "seed 1");
    assert_eq!(mnist["curves"][0]["spread"], json!([]));
    assert!(mnist["y"][0].as_f64().unwrap() > 0.3, "{mnist}");
    for name in ["toy.png", "toy.csv", "toy-2.png"] {
        assert!(bench.path("page-figures").join(name).is_file(), "{name}");
    }
}

#[test]
fn runs_of_every_kind_have_their_place() {
    let bench = Bench::new();
    let one = |name: &str, status: Option<&'static str>, values: &[Value]| {
        let curve = (1..).zip(values.iter().cloned()).collect();
        let config = json!({"lr": 0.1, "name": name, "data": "none"});
        Made { name: name.into(), config, curve, status, ..Made::default() }.write(&bench);
    };
    one("point", Some("done"), &[json!(0.5)]);
    one("wild", Some("non-finite"), &[json!(0.5), json!(1e30), Value::Null, json!(0.4)]);
    one("none", Some("non-finite"), &[Value::Null, Value::Null]);
    one("empty", Some("failed"), &[]);
    one("crashed", None, &[json!(0.5), json!(0.45)]);
    let curve = (1..=100_000).map(|step| (step, json!(0.5 + 0.4 * (step as f64 / 500.0).sin())));
    let config = json!({"lr": 0.2, "data": "none"});
    let long = Made { name: "long".into(), config, curve: curve.collect(), ..Made::default() };
    long.write(&bench);
    let (page, _) = report(&bench);
    assert!(page.contains("6 runs: 1 crashed, 2 done, 1 failed, 2 non-finite."), "{page}");
    assert!(page.len() < 200_000, "{}", page.len());
    let chart = &charts(&page)[0];
    let names: Vec<&str> =
        chart["curves"].as_array().unwrap().iter().map(|c| c["name"].as_str().unwrap()).collect();
    assert!(names.len() == 5 && names.iter().any(|name| name.contains("point")), "{names:?}");
    let steps =
        chart["steps"].as_array().unwrap().iter().map(|steps| steps.as_array().unwrap().len());
    assert!((500..2100).contains(&steps.max().unwrap()));
    // A value far out and those that are not finite are said, and do not flatten the others.
    assert!(chart["y"][1].as_f64().unwrap() < 100.0, "{}", chart["y"]);
    assert!(page.contains("1 with values beyond the axis; 2 with values not finite"), "{page}");
}

#[test]
fn two_hundred_settings_are_one_legend_of_eight() {
    let bench = Bench::new();
    for run in 0..200 {
        let config = json!({"lr": f64::from(run) / 1000.0, "data": "none"});
        Made { name: format!("r{run:03}"), config, ..Made::default() }.write(&bench);
    }
    let (page, _) = report(&bench);
    assert!(page.contains("192 others") && page.len() < 400_000, "{}", page.len());
    let curves = charts(&page)[0]["curves"].as_array().unwrap().clone();
    let coloured = curves.iter().filter(|curve| !curve["colour"].is_null()).count();
    assert_eq!((curves.len(), coloured), (200, 8));
}

/// The figures of a run are drawn as vectors from what the run keeps of them, and are the run's own.
#[test]
fn the_figures_of_a_run_are_vectors_where_they_can_be() {
    let bench = Bench::new();
    Made::default().write(&bench);
    let figures = bench.path("runs/toy/a/figures");
    fs::create_dir_all(&figures).unwrap();
    let series = Series::new("a <curve>", vec![0.0, 1.0], vec![1.0, 0.5]);
    let figure = LineFigure::new("Loss", "step", "loss", vec![series]);
    let all = [Format::Png];
    files::write(&figures, "learning", &figure, &figure.to_csv(), &all).unwrap();
    let drawn = |page: &str| {
        let begin = "src=\"data:image/";
        let images = page.split(begin).skip(1).map(|rest| rest.split(';').next().unwrap());
        images.map(str::to_owned).collect::<Vec<String>>()
    };
    let (page, text) = report(&bench);
    assert_eq!(drawn(&page), ["svg+xml"]);
    assert!(text.contains("learning.png)"), "{text}");
    // A description that is none, or that is another's, leaves the picture.
    let (description, elsewhere) = (figures.join("learning.json"), bench.path("elsewhere.json"));
    fs::rename(&description, &elsewhere).unwrap();
    assert_eq!(drawn(&report(&bench).0), ["png"]);
    std::os::unix::fs::symlink(&elsewhere, &description).unwrap();
    assert_eq!(drawn(&report(&bench).0), ["png"]);
    fs::remove_file(&description).unwrap();
    fs::write(&description, "{").unwrap();
    assert_eq!(drawn(&report(&bench).0), ["png"]);
}
