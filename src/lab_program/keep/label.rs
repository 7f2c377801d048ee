//! `lab note` and `lab tag`.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use crate::lab::log::console::{Console, printable};
use crate::lab::store::record::{Labels, RecordFile};
use crate::lab_program::find::lookup::find_run;

/// Which run, and its note.
#[derive(Debug, Clone, Args)]
pub struct NoteArgs {
    /// A run, as for show
    pub run: String,
    /// The note, in place of the one that is there; "" takes it away. Without one, shows it
    pub text: Option<String>,
    /// Folder of run folders
    #[arg(long, default_value = "runs")]
    pub runs: PathBuf,
}

/// Which run, and its tags.
#[derive(Debug, Clone, Args)]
pub struct TagArgs {
    /// A run, as for show
    pub run: String,
    /// Tags to add, separated by commas. Without any, shows those that are there
    #[arg(value_name = "TAG", value_delimiter = ',')]
    pub add: Vec<String>,
    /// Tags to take away, separated by commas
    #[arg(long, value_name = "TAG", value_delimiter = ',')]
    pub remove: Vec<String>,
    /// Folder of run folders
    #[arg(long, default_value = "runs")]
    pub runs: PathBuf,
}

/// Shows or changes the note of a run.
///
/// # Errors
/// Where there is no such run, the note is too long, or it can't be written.
pub fn note(args: &NoteArgs) -> Result<()> {
    let run = find_run(&args.runs, &args.run)?;
    let mut labels = Labels::of(&run.path)?;
    match &args.text {
        Some(text) => {
            labels.set_note(text)?;
            labels.write(&run.path)
        }
        None => {
            Console::new(false, false).print(&printable(labels.note.as_deref().unwrap_or("")));
            Ok(())
        }
    }
}

/// Shows or changes the tags of a run.
///
/// # Errors
/// Where there is no such run, a tag can't be one or is not there to be taken away, or they can't be
/// written.
pub fn tag(args: &TagArgs) -> Result<()> {
    let run = find_run(&args.runs, &args.run)?;
    let mut labels = Labels::of(&run.path)?;
    if args.add.is_empty() && args.remove.is_empty() {
        Console::new(false, false).print(&printable(&labels.tags.join(",")));
        return Ok(());
    }
    labels.remove_tags(&args.remove)?;
    labels.add_tags(&args.add)?;
    labels.write(&run.path)
}
