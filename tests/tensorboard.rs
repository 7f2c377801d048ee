//! What the event writer puts on disk, and what it does when the disk refuses.

#![allow(clippy::unwrap_used)]

mod event_reader;

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};

use event_reader::read_events;
use neuron_lab::lab::figure::RgbImage;
use neuron_lab::lab::log::tensorboard::{EventWriter, Histogram};
use serde_json::Value;
use tensorboard_proto::event::{Event, SessionLog_SessionStatus};

/// `tests/reference/histogram.json` is from scripts/reference/histogram.py, in short:
///
/// ```python
/// from torch.utils.tensorboard.summary import make_histogram
/// edges, v = [], 1e-12
/// while v < 1e20: edges.append(v); v *= 1.1
/// make_histogram(values, [-e for e in reversed(edges)] + [0] + edges)
/// ```
#[test]
fn histograms_equal_pytorchs_bucket_for_bucket() {
    let reference: Value = serde_json::from_str(include_str!("reference/histogram.json")).unwrap();
    assert!(reference["source"].as_str().unwrap().starts_with("torch 2.13"));
    for case in reference["cases"].as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        let numbers = |key: &str| -> Vec<f64> {
            case[key].as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
        };
        let values: Vec<f32> = numbers("values").iter().map(|v| *v as f32).collect();
        let histogram = Histogram::from_values(&values);
        assert_eq!(histogram.limits, numbers("limits"), "{name}");
        assert_eq!(histogram.counts, numbers("counts"), "{name}");
        for (key, got) in [("min", histogram.min), ("max", histogram.max), ("num", histogram.num)] {
            assert_eq!(got, case[key].as_f64().unwrap(), "{name}: {key}");
        }
        for (key, got) in [("sum", histogram.sum), ("sum_squares", histogram.sum_squares)] {
            let expected = case[key].as_f64().unwrap();
            assert!((got - expected).abs() <= 1e-12 * expected.abs(), "{name}: {key} {got}");
        }
    }
}

#[test]
fn histograms_count_what_is_not_finite_apart() {
    let values = [f32::NAN, 1.0, f32::INFINITY, 2.0, f32::NEG_INFINITY];
    let histogram = Histogram::from_values(&values);
    assert_eq!(histogram, Histogram { non_finite: 3, ..Histogram::from_values(&[1.0, 2.0]) });
    let none = Histogram::from_values(&[f32::NAN]);
    assert_eq!((none.num, none.sum, none.non_finite, none.limits.len()), (0.0, 0.0, 1, 1));
}

#[test]
fn every_record_reads_back() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = EventWriter::create(folder.path()).unwrap();
    writer.session_start(7).unwrap();
    writer.explain(&[("loss", "what is minimised")]);
    writer.scalar("loss", 7, f64::NAN).unwrap();
    writer.scalar("loss", i64::MAX, -0.1).unwrap();
    writer.histogram("weights", 8, &Histogram::from_values(&[1.5, 2.5])).unwrap();
    let image = RgbImage { width: 3, height: 2, pixels: (0..18).collect() };
    writer.image("picture", 9, &image).unwrap();
    writer.sync().unwrap();
    let events = read_events(writer.path()).unwrap();
    assert_eq!(events.len(), 6);
    assert_eq!(events[0].get_file_version(), "brain.Event:2");
    assert_eq!(events[1].get_session_log().get_status(), SessionLog_SessionStatus::START);
    assert_eq!(events[1].get_step(), 7);
    let value = |event: &Event| event.get_summary().get_value()[0].clone();
    assert!(value(&events[2]).get_simple_value().is_nan());
    let explained = value(&events[2]).get_metadata().get_summary_description().to_owned();
    assert_eq!(explained, "what is minimised");
    assert_eq!((events[3].get_step(), value(&events[3]).get_simple_value()), (i64::MAX, -0.1));
    assert_eq!(value(&events[4]).get_histo().get_sum(), 4.0);
    let picture = value(&events[5]);
    let png =
        png::Decoder::new(std::io::Cursor::new(picture.get_image().get_encoded_image_string()));
    let mut png = png.read_info().unwrap();
    let mut pixels = vec![0; 18];
    let frame = png.next_frame(&mut pixels).unwrap();
    assert_eq!((frame.width, frame.height, pixels), (3, 2, image.pixels));
    assert_eq!((picture.get_image().get_width(), picture.get_image().get_height()), (3, 2));
}

#[test]
fn a_damaged_or_cut_record_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = EventWriter::create(folder.path()).unwrap();
    writer.scalar("loss", 1, 0.5).unwrap();
    writer.flush().unwrap();
    let whole = std::fs::read(writer.path()).unwrap();
    let damaged = folder.path().join("damaged");
    for position in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[position] ^= 1;
        std::fs::write(&damaged, &bytes).unwrap();
        assert!(read_events(&damaged).is_err(), "byte {position}");
    }
    std::fs::write(&damaged, &whole[..whole.len() - 1]).unwrap();
    assert!(read_events(&damaged).unwrap_err().contains("record 1"));
}

#[test]
fn writers_of_one_second_have_files_of_their_own_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let writers: Vec<EventWriter> =
        (0..50).map(|_| EventWriter::create(folder.path()).unwrap()).collect();
    let paths: Vec<&Path> = writers.iter().map(EventWriter::path).collect();
    assert!(paths.is_sorted());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 50);
}

#[test]
fn a_clock_that_is_behind_does_not_change_the_order() {
    let folder = tempfile::tempdir().unwrap();
    // 2096, as one machine says, and names that are no time.
    for name in ["4000000000.000007.host.1.0", "4000000000.host.1.0", "later", ""] {
        std::fs::write(folder.path().join(format!("events.out.tfevents.{name}")), b"").unwrap();
    }
    let writers: Vec<EventWriter> =
        (0..3).map(|_| EventWriter::create(folder.path()).unwrap()).collect();
    let names: Vec<&str> =
        writers.iter().map(|writer| writer.path().file_name().unwrap().to_str().unwrap()).collect();
    assert!(names[0].starts_with("events.out.tfevents.4000000001.000000."), "{names:?}");
    assert!(names.is_sorted());
}

#[test]
fn a_missing_folder_is_an_error_with_its_name() {
    let error = EventWriter::create(Path::new("/no/such/folder")).err().unwrap();
    assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
    assert!(error.to_string().contains("/no/such/folder/events.out.tfevents."), "{error}");
}

/// /dev/full takes no byte, as a full disk.
#[test]
fn a_full_disk_is_an_error_from_the_first_record() {
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let error = EventWriter::from_file(full, PathBuf::from("/dev/full")).err().unwrap();
    assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
}

/// A pipe whose reader is gone takes bytes at first and then none.
#[test]
fn a_disk_that_fails_later_is_an_error_for_every_method_and_drop_is_quiet() {
    let (reader, pipe) = std::io::pipe().unwrap();
    let file = File::from(std::os::fd::OwnedFd::from(pipe));
    let mut writer = EventWriter::from_file(file, PathBuf::from("pipe")).unwrap();
    writer.scalar("loss", 0, 0.5).unwrap();
    drop(reader);
    let noise: Vec<f32> = (0..2000).map(|i| (i as f32 - 1000.0) * 1e-3).collect();
    let histogram = Histogram::from_values(&noise);
    let first = (0..100).find_map(|step| writer.histogram("weights", step, &histogram).err());
    let first = first.expect("100 histograms are more than the buffer holds").to_string();
    assert!(first.contains("pipe"), "{first}");
    let image = RgbImage { width: 1, height: 1, pixels: vec![0; 3] };
    let later = [
        writer.scalar("loss", 1, 0.5),
        writer.histogram("weights", 1, &histogram),
        writer.image("picture", 1, &image),
        writer.text("text", 1, "text"),
        writer.hparams_start(&serde_json::Map::new(), &["loss"]),
        writer.hparams_end(false),
        writer.custom_scalars(&[]),
        writer.session_start(1),
        writer.flush(),
        writer.sync(),
    ];
    for (number, result) in later.into_iter().enumerate() {
        let error = result.expect_err(&format!("method {number}")).to_string();
        assert!(error.contains(&first), "{error}");
    }
    drop(writer);
}
