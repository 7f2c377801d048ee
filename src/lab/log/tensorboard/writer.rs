//! The event file itself: names, records, errors.

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use protobuf::{Message, RepeatedField};
use serde_json::{Map, Value};
use tensorboard_proto::event::{Event, SessionLog, SessionLog_SessionStatus};
use tensorboard_proto::summary::{Summary, Summary_Value};
use tensorboard_rs::record_writer::RecordWriter;

use super::summary as values;
use super::{Chart, Histogram, hparams, layout};
use crate::lab::figure::RgbImage;
use crate::lab::log::tags::meaning;

/// What the name of every event file begins with.
pub const EVENTS: &str = "events.out.tfevents.";

/// Most files that one process may begin in one folder within a microsecond.
const MAX_UNIQUE: u32 = 10_000;

/// Most bytes of one picture or text. A dashboard has no use for as many, and protobuf messages,
/// whose lengths are 32-bit numbers, end at 2 GiB.
const LARGEST: usize = 64 << 20;

/// Writes one TensorBoard event file, on the caller's thread.
///
/// Records are buffered until [`flush`](Self::flush). After the first error of the disk every method
/// returns an error and writes nothing: a record cut short makes what follows it unreadable. What
/// can't be encoded is an error of its own, after which the file is as it was
/// ([`is_intact`](Self::is_intact)).
pub struct EventWriter {
    records: RecordWriter<BufWriter<File>>,
    /// A second handle on the same file, since the records keep theirs to themselves.
    file: File,
    path: PathBuf,
    meanings: &'static [(&'static str, &'static str)],
    explained: HashSet<String>,
    failure: Option<String>,
}

impl EventWriter {
    /// Begins a new event file in `dir`, which must exist.
    ///
    /// The name has the time to the microsecond first, so that TensorBoard, which reads a folder
    /// by name, sees a resumed run's files in the order in which they were written.
    ///
    /// # Errors
    /// When the file can't be created or written.
    pub fn create(dir: &Path) -> io::Result<Self> {
        // A clock that is behind must not put this file before those that are there.
        let after = newest(dir).map_or(Duration::ZERO, |time| time + Duration::from_micros(1));
        let now = since_epoch().max(after);
        let host = host_name();
        let process = std::process::id();
        for unique in 0..MAX_UNIQUE {
            let name = format!(
                "{EVENTS}{:010}.{:06}.{host}.{process}.{unique}",
                now.as_secs(),
                now.subsec_micros()
            );
            let path = dir.join(name);
            match OpenOptions::new().write(true).create_new(true).open(&path) {
                Ok(file) => {
                    let begun = Self::from_file(file, path.clone());
                    // One that was only begun has nothing, and there may be a next try.
                    return begun.inspect_err(|_| _ = fs::remove_file(&path));
                }
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(in_context(&error, "create the event file", &path)),
            }
        }
        Err(io::Error::other(format!("no free name for an event file in {}", dir.display())))
    }

    /// Begins an event file in an open `file`; `path` names it in errors.
    ///
    /// # Errors
    /// When the file can't be written.
    pub fn from_file(file: File, path: PathBuf) -> io::Result<Self> {
        let records = RecordWriter::new(BufWriter::new(file.try_clone()?));
        let (meanings, explained) = (&[][..], HashSet::new());
        let mut writer = Self { records, file, path, meanings, explained, failure: None };
        let mut event = Event::new();
        event.set_file_version("brain.Event:2".to_owned());
        writer.event(event)?;
        writer.flush()?;
        Ok(writer)
    }

    /// Where the event file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the file takes further records: false from the first error of the disk on.
    pub fn is_intact(&self) -> bool {
        self.failure.is_none()
    }

    /// Says that the steps from `step` on begin anew, so that TensorBoard drops those which an
    /// interrupted run logged beyond the checkpoint that this one resumes from. Its loader in
    /// Python passes over the first start of a run, so a run that begins has to say so too.
    ///
    /// # Errors
    /// When the disk doesn't take the record, now or before.
    pub fn session_start(&mut self, step: i64) -> io::Result<()> {
        let mut log = SessionLog::new();
        log.set_status(SessionLog_SessionStatus::START);
        let mut event = Event::new();
        event.set_step(step);
        event.set_session_log(log);
        self.event(event)
    }

    /// Explains tags by patterns, as [`meaning`] reads them: the dashboard shows the text beside
    /// the title of every tag that is written from now on.
    pub fn explain(&mut self, patterns: &'static [(&'static str, &'static str)]) {
        self.meanings = patterns;
    }

    /// Logs one point of a curve, in single precision; infinities and NaN are kept.
    ///
    /// # Errors
    /// When the disk doesn't take the record, now or before.
    pub fn scalar(&mut self, tag: &str, step: i64, value: f64) -> io::Result<()> {
        self.value(step, values::scalar(tag, value))
    }

    /// Logs a histogram.
    ///
    /// # Errors
    /// When the disk doesn't take the record, now or before.
    pub fn histogram(&mut self, tag: &str, step: i64, histogram: &Histogram) -> io::Result<()> {
        self.value(step, values::histogram(tag, histogram))
    }

    /// Logs an image of `width` x `height` pixels, encoded as PNG.
    ///
    /// # Errors
    /// When the image has more than 64 MiB, or the disk doesn't take the record, now or before.
    pub fn png(&mut self, tag: &str, step: i64, size: (u32, u32), png: &[u8]) -> io::Result<()> {
        check_size(png)?;
        self.value(step, values::png(tag, size, png))
    }

    /// Logs an image.
    ///
    /// # Errors
    /// When the image can't be encoded, or the disk doesn't take the record, now or before.
    pub fn image(&mut self, tag: &str, step: i64, image: &RgbImage) -> io::Result<()> {
        let png = image.to_png().map_err(io::Error::other)?;
        self.png(tag, step, (image.width, image.height), &png)
    }

    /// Logs a page of markdown.
    ///
    /// # Errors
    /// When the text has more than 64 MiB, or the disk doesn't take the record, now or before.
    pub fn text(&mut self, tag: &str, step: i64, markdown: &str) -> io::Result<()> {
        check_size(markdown.as_bytes())?;
        self.value(step, values::text(tag, markdown)?)
    }

    /// Puts the run into the HPARAMS table: its hyperparameters, and the scalar tags of which the
    /// last value is a result. Lists and objects become JSON text, nulls have no column.
    ///
    /// # Errors
    /// When the disk doesn't take the record, now or before.
    pub fn hparams_start(
        &mut self,
        hparams: &Map<String, Value>,
        metric_tags: &[&str],
    ) -> io::Result<()> {
        let time = since_epoch().as_secs_f64();
        self.value(0, hparams::experiment(hparams, metric_tags, time)?)?;
        self.value(0, hparams::session_start(hparams, time)?)
    }

    /// Tells the HPARAMS table that the run has ended, and how.
    ///
    /// # Errors
    /// When the disk doesn't take the record, now or before.
    pub fn hparams_end(&mut self, success: bool) -> io::Result<()> {
        let time = since_epoch().as_secs_f64();
        self.value(0, hparams::session_end(success, time)?)
    }

    /// Lays out the CUSTOM SCALARS dashboard; once for a run, with all of its charts.
    ///
    /// # Errors
    /// When the disk doesn't take the record, now or before.
    pub fn custom_scalars(&mut self, charts: &[Chart]) -> io::Result<()> {
        self.value(0, layout::summary(charts)?)
    }

    /// Hands all records to the operating system, so that TensorBoard sees them.
    ///
    /// # Errors
    /// When the disk doesn't take them, now or before.
    pub fn flush(&mut self) -> io::Result<()> {
        self.check()?;
        let result = self.records.flush();
        self.note(result)
    }

    /// Hands all records to the disk, so that they survive a power cut.
    ///
    /// # Errors
    /// When the disk doesn't take them, now or before.
    pub fn sync(&mut self) -> io::Result<()> {
        self.flush()?;
        let result = self.file.sync_data();
        self.note(result)
    }

    fn value(&mut self, step: i64, mut value: Summary_Value) -> io::Result<()> {
        let tag = value.get_tag();
        if let Some(text) = meaning(self.meanings, tag).filter(|_| !self.explained.contains(tag)) {
            self.explained.insert(tag.to_owned());
            values::describe(&mut value, text.to_owned());
        }
        let mut summary = Summary::new();
        summary.set_value(RepeatedField::from_vec(vec![value]));
        let mut event = Event::new();
        event.set_step(step);
        event.set_summary(summary);
        self.event(event)
    }

    fn event(&mut self, mut event: Event) -> io::Result<()> {
        self.check()?;
        event.set_wall_time(since_epoch().as_secs_f64());
        let bytes = event.write_to_bytes()?;
        let result = self.records.write(&bytes);
        self.note(result)
    }

    fn check(&self) -> io::Result<()> {
        match &self.failure {
            Some(failure) => Err(io::Error::other(format!("not logged since: {failure}"))),
            None => Ok(()),
        }
    }

    fn note(&mut self, result: io::Result<()>) -> io::Result<()> {
        result.map_err(|error| {
            let error = in_context(&error, "write the event file", &self.path);
            self.failure = Some(error.to_string());
            error
        })
    }
}

fn check_size(content: &[u8]) -> io::Result<()> {
    if content.len() <= LARGEST {
        return Ok(());
    }
    let (bytes, most) = (content.len(), LARGEST >> 20);
    Err(io::Error::other(format!("it has {bytes} bytes, and an event at most {most} MiB")))
}

fn in_context(error: &io::Error, action: &str, path: &Path) -> io::Error {
    io::Error::new(error.kind(), format!("can't {action} {}: {error}", path.display()))
}

/// Time since 1970; zero on a machine whose clock is before that.
fn since_epoch() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// The latest time in the names of a folder's event files, since 1970.
fn newest(dir: &Path) -> Option<Duration> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let time = |name: &str| {
        let mut parts = name.strip_prefix(EVENTS)?.split('.');
        let seconds = parts.next().filter(|part| part.len() == 10)?.parse().ok()?;
        // Another writer's names have no microseconds there.
        let micros = parts.next().filter(|part| part.len() == 6).and_then(|part| part.parse().ok());
        Some(Duration::from_secs(seconds) + Duration::from_micros(micros.unwrap_or(999_999)))
    };
    entries.filter_map(|entry| time(&entry.file_name().to_string_lossy())).max()
}

/// The host's name, of characters that are safe in a file name.
fn host_name() -> String {
    let name = rustix::system::uname();
    let name = name.nodename().to_string_lossy();
    name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).collect()
}
