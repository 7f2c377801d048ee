//! `lab archive`.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter};
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::Args;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;

use super::parts::{line, lock, named};
use super::remove::remove_run;
use crate::lab::error::refuse;
use crate::lab::log::console::Console;
use crate::lab::store::record::{Configuration, RecordFile};
use crate::lab::store::{durable, regular};
use crate::lab_program::find::layout::SWEEPS;
use crate::lab_program::find::run::Run;
use crate::lab_program::text::units;

/// Which runs to pack, and where to.
#[derive(Debug, Clone, Args)]
pub struct ArchiveArgs {
    /// Runs, each by its folder, EXPERIMENT/NAME or its whole name
    #[arg(required = true, value_name = "RUN")]
    pub names: Vec<String>,
    /// Folder for the archives, one a run
    #[arg(long, default_value = "archive", value_name = "FOLDER")]
    pub to: PathBuf,
    /// Remove each run after its archive was read back whole
    #[arg(long)]
    pub remove: bool,
    /// Folder of run folders
    #[arg(long, default_value = "runs")]
    pub runs: PathBuf,
}

/// A file that goes into an archive.
struct Packed {
    path: PathBuf,
    /// Its place in the archive.
    inside: PathBuf,
}

/// Packs runs with their checkpoints; `tar xzf` at the top of a checkout unpacks them to where they
/// were.
///
/// # Errors
/// Exit code 2, with nothing packed, where one of the runs is not there, not named in full or in use,
/// or its archive exists; 1 where a file can't be read or written.
pub fn archive(args: &ArchiveArgs) -> Result<()> {
    let runs = named(&args.runs, &args.names)?;
    let targets: Vec<PathBuf> = runs
        .iter()
        .map(|run| args.to.join(format!("{}.tar.gz", run.id().replace('/', "-"))))
        .collect();
    if let Some(target) = targets.iter().find(|target| target.symlink_metadata().is_ok()) {
        return Err(refuse(format!("{} exists already: choose another --to", target.display())));
    }
    fs::create_dir_all(&args.to).with_context(|| format!("creating {}", args.to.display()))?;
    let console = Console::new(false, false);
    for (run, target) in runs.iter().zip(&targets) {
        {
            let _locks = lock(run)?;
            let files = files(run)?;
            durable::atomic_write(target, |draft| pack(&files, draft))?;
            check(&files, target).with_context(|| format!("reading {} back", target.display()))?;
        }
        let size = units::bytes(target.metadata()?.len());
        console.print(&line(run));
        console.print(&format!("  in {}, {size}", target.display()));
        if args.remove {
            remove_run(run)?;
        }
    }
    let all = units::bytes(runs.iter().map(|run| run.bytes).sum());
    let what = if args.remove { "are free" } else { "are kept where they were (--remove)" };
    console.print(&format!("{all} {what}"));
    Ok(())
}

/// The regular files of a run and of its checkpoints, but for locks and temporary files.
fn files(run: &Run) -> Result<Vec<Packed>> {
    let own = Path::new(&run.experiment).join(&run.name);
    let runs = match &run.sweep {
        Some(sweep) => Path::new("runs").join(SWEEPS).join(sweep),
        None => "runs".into(),
    };
    // Where `lab` and `--resume` look for them once they are unpacked.
    let told = Configuration::read(&run.path).unwrap_or_default().checkpoints();
    let plain = |part: Component<'_>| matches!(part, Component::Normal(_));
    let checkpoints = if told.components().all(plain) { told } else { "checkpoints".into() };
    let mut found = Vec::new();
    collect(&run.path, &runs.join(&own), &mut found)?;
    if run.checkpoints.is_dir() {
        collect(&run.checkpoints, &checkpoints.join(&own), &mut found)?;
    }
    Ok(found)
}

fn collect(folder: &Path, inside: &Path, found: &mut Vec<Packed>) -> Result<()> {
    let read = || format!("reading {}", folder.display());
    let mut entries: Vec<_> =
        fs::read_dir(folder).with_context(read)?.collect::<io::Result<_>>().with_context(read)?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let (path, name) = (entry.path(), entry.file_name());
        let kind = entry.file_type().with_context(read)?;
        let inside = inside.join(&name);
        let hidden = name.to_string_lossy().starts_with('.');
        if kind.is_dir() {
            collect(&path, &inside, found)?;
        } else if kind.is_file() && !hidden {
            found.push(Packed { path, inside });
        } else if !hidden {
            // A link leads elsewhere, and a device has no end.
            return Err(refuse(format!("{} is no regular file: move it away", path.display())));
        }
    }
    Ok(())
}

fn pack(files: &[Packed], draft: &Path) -> Result<()> {
    let file = BufWriter::new(File::create(draft)?);
    let mut archive = tar::Builder::new(GzEncoder::new(file, Compression::default()));
    for Packed { path, inside } in files {
        let mut file =
            regular::open(path).with_context(|| format!("reading {}", path.display()))?;
        archive.append_file(inside, &mut file)?;
    }
    archive.into_inner()?.finish()?.into_inner().map_err(|error| error.into_error())?;
    Ok(())
}

/// Reads an archive back, with the checksums of its compression, and compares what is in it.
fn check(files: &[Packed], target: &Path) -> Result<()> {
    let mut archive = tar::Archive::new(GzDecoder::new(BufReader::new(File::open(target)?)));
    let mut count = 0;
    for (entry, Packed { path, inside }) in archive.entries()?.zip(files) {
        let mut entry = entry?;
        let length = io::copy(&mut entry, &mut io::sink())?;
        let same = *entry.path()? == **inside && length == path.metadata()?.len();
        ensure!(same, "{} is not as it was packed", inside.display());
        count += 1;
    }
    // To the end, where the checksum is.
    io::copy(&mut archive.into_inner(), &mut io::sink())?;
    ensure!(count == files.len(), "it has {count} files of {}", files.len());
    Ok(())
}
