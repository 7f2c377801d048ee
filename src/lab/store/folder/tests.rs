//! New runs and their folders.

use super::*;
use crate::lab::store::locate::locate;

#[test]
fn a_run_in_use_is_locked_and_a_finished_one_is_kept() {
    let root = tempfile::tempdir().unwrap();
    let (runs, checkpoints) = (root.path().join("runs"), root.path().join("checkpoints"));
    let folder = RunFolder::create(&runs, &checkpoints, "toy", "a").unwrap();
    let error = RunFolder::create(&runs, &checkpoints, "toy", "a").unwrap_err();
    assert_eq!(exit_status(&error), 2);
    assert!(error.to_string().contains("in use by process"), "{error}");
    durable::write(&folder.path.join("config.json"), b"{}").unwrap();
    drop(folder);
    let error = RunFolder::create(&runs, &checkpoints, "toy", "a").unwrap_err();
    assert!(error.to_string().contains("--resume a"), "{error}");
    let found = locate(&runs, "toy", "a", None).unwrap();
    RunFolder::open(&found, &checkpoints, "toy").unwrap();
    assert_eq!(exit_status(&locate(&runs, "toy", "b", None).unwrap_err()), 2);
}

#[test]
fn runs_that_begin_at_one_moment_have_names_of_their_own() {
    let root = tempfile::tempdir().unwrap();
    let (runs, checkpoints) = (root.path().join("runs"), root.path().join("checkpoints"));
    // Each waits until all are there.
    let barrier = std::sync::Barrier::new(60);
    let begin = || {
        barrier.wait();
        RunFolder::create_unnamed(&runs, &checkpoints, "toy", "default", 7).unwrap()
    };
    let folders: Vec<RunFolder> = std::thread::scope(|scope| {
        let all: Vec<_> = (0..60).map(|_| scope.spawn(begin)).collect();
        all.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let mut names: Vec<&str> = folders.iter().map(|folder| folder.name.as_str()).collect();
    assert!(names.iter().all(|name| name.starts_with("default-s7-2")), "{names:?}");
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 60);
}

#[test]
fn a_name_whose_checkpoint_folder_another_run_has_is_not_taken() {
    let root = tempfile::tempdir().unwrap();
    let checkpoints = root.path().join("checkpoints");
    let create = |runs: &str| {
        let names = ["a", "b", "c"].into_iter().map(str::to_string);
        let runs = root.path().join(runs);
        RunFolder::create_first_free(&runs, &checkpoints, "toy", names).unwrap()
    };
    let (one, other) = (create("runs"), create("elsewhere"));
    assert_eq!((one.name.as_str(), other.name.as_str()), ("a", "b"));
    assert!(!root.path().join("elsewhere/toy/a").exists());
}

#[test]
fn a_run_that_is_abandoned_leaves_nothing_and_one_that_was_killed_is_tidied_up() {
    let root = tempfile::tempdir().unwrap();
    let (runs, checkpoints) = (root.path().join("runs"), root.path().join("checkpoints"));
    let create = || RunFolder::create(&runs, &checkpoints, "toy", "a").unwrap();
    create().abandon();
    assert!(!runs.join("toy/a").exists() && !checkpoints.join("toy/a").exists());
    // As a process leaves it that is killed while it writes the record.
    let folder = create();
    for half in [&folder.path, &folder.path.join("figures"), &folder.checkpoints] {
        fs::write(half.join(".tmp-x-config.json"), "half").unwrap();
    }
    drop(folder);
    let folder = create();
    for half in [&folder.path, &folder.path.join("figures"), &folder.checkpoints] {
        assert!(!half.join(".tmp-x-config.json").exists(), "{}", half.display());
    }
    folder.abandon();
    assert!(runs.join("toy/a").exists());
}

#[test]
fn a_path_without_a_name_is_that_of_the_run() {
    let root = tempfile::tempdir().unwrap();
    let run = root.path().canonicalize().unwrap().join("runs/toy/a");
    fs::create_dir_all(run.join("figures")).unwrap();
    durable::write(&run.join("config.json"), b"{}").unwrap();
    let asked = run.join("figures/..");
    let found = locate(Path::new("elsewhere"), "toy", asked.to_str().unwrap(), None).unwrap();
    assert_eq!(found, run);
}

#[test]
fn names_that_leave_the_folder_are_refused() {
    for name in ["", "..", "a/b", ".hidden", "a b"] {
        assert_eq!(exit_status(&check_name(name).unwrap_err()), 2, "{name}");
    }
    let named = default_name("default", 0, jiff::Timestamp::UNIX_EPOCH);
    assert_eq!(named, "default-s0-19700101T000000000Z");
    check_name(&named).unwrap();
}
