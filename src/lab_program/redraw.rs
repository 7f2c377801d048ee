//! `lab figures`: the figures of a run or a sweep, drawn again from their descriptions.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;

use super::find::lookup::find_run;
use super::show::details::Details;
use super::sweep::manifest;
use crate::lab::error::{closest, refuse};
use crate::lab::figure::{Drawing, Format, Length, Sheet, Size, files};
use crate::lab::log::console::{Console, printable};

/// Which figures, and how they are to be.
#[derive(Debug, Clone, Args)]
pub struct FiguresArgs {
    /// A run, as for show, a sweep, or a folder of figures such as that of a report
    pub run: String,
    /// The figures, by the names of their files without an ending; without any, all
    pub names: Vec<String>,
    /// Folder of run folders
    #[arg(long, default_value = "runs")]
    pub runs: PathBuf,
    /// Formats, separated by commas
    #[arg(long, value_enum, value_delimiter = ',', default_value = "svg,pdf")]
    pub figure_format: Vec<Format>,
    /// Width on paper, such as 86mm, 8.6cm, 3.4in or 244pt; text is as large at every width. Without
    /// it, figures are as the run drew them
    #[arg(long, value_name = "LENGTH", conflicts_with = "size")]
    pub width: Option<Length>,
    /// Width and height on paper, such as 86x60mm
    #[arg(long, value_name = "WIDTHxHEIGHT")]
    pub size: Option<Size>,
    /// Folder for the pictures; by default that of the figures
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

/// Where figures are, and what to do if they have no descriptions.
struct Source {
    name: String,
    folder: PathBuf,
    hint: String,
}

/// Draws the figures, and prints the paths of the files.
///
/// # Errors
/// Exit code 2 where there is no such run or figure; 1 where one has no description or can't be drawn
/// on such a sheet, or a file can't be written. A file that was there before is as it was then.
pub fn redraw(args: &FiguresArgs) -> Result<()> {
    let source = Source::find(&args.runs, &args.run)?;
    let names = source.chosen(&args.names)?;
    let sheet = match (args.width, args.size) {
        (_, Some(Size { width, height })) => Sheet::paper(width, Some(height)),
        (Some(width), None) => Sheet::paper(width, None),
        (None, None) => Sheet::SCREEN,
    };
    let out = args.out.as_ref().unwrap_or(&source.folder);
    if out.exists() && !out.is_dir() {
        return Err(refuse(format!("--out {}: this is not a folder", out.display())));
    }
    fs::create_dir_all(out).with_context(|| format!("making {}", out.display()))?;
    let console = Console::new(false, false);
    for name in &names {
        let figure = files::read(&files::path(&source.folder, name, files::DESCRIPTION))?;
        let drawn = || format!("drawing {}", printable(name));
        let picture = figure.picture(&sheet).with_context(drawn)?;
        for format in &args.figure_format {
            let bytes = picture.encode(*format).with_context(drawn)?;
            files::write_picture(out, name, *format, &bytes)?;
            let path = files::path(out, name, format.extension());
            console.print(&printable(&path.display().to_string()));
        }
    }
    Ok(())
}

impl Source {
    /// What a word means: a folder of figures, a sweep, or else a run.
    fn find(runs: &Path, asked: &str) -> Result<Self> {
        let folder = PathBuf::from(asked);
        // Each has its numbers beside it, as the JSON files of a run folder have not.
        let is_figure = |name: &String| files::path(&folder, name, "csv").is_file();
        if files::described(&folder).iter().any(is_figure) {
            return Ok(Self { name: asked.into(), folder, hint: String::new() });
        }
        if let Ok(home) = manifest::locate(runs, asked) {
            let hint = format!("lab sweep status {asked} draws them again");
            let (name, folder) = (home.display().to_string(), home.join("figures"));
            return Ok(Self { name, folder, hint });
        }
        let run = find_run(runs, asked)?;
        let (name, folder) = (run.id(), run.path.join("figures"));
        let ended = run.status.is_end();
        let again = Details::read(run).resume();
        let hint =
            if ended { format!("{again} draws them again") } else { "they come at its end".into() };
        Ok(Self { name, folder, hint })
    }

    /// The names of the figures that are asked for.
    fn chosen(&self, asked: &[String]) -> Result<Vec<String>> {
        let there = files::described(&self.folder);
        let Self { name, hint, .. } = self;
        if there.is_empty() {
            let folder = self.folder.display();
            return Err(refuse(format!("{name}: no figure can be drawn from {folder}: {hint}")));
        }
        for one in asked {
            if !there.contains(one) {
                let nearest = closest(one, there.iter().map(String::as_str));
                let all = there.join(", ");
                return Err(refuse(format!(
                    "{name} has no figure {one}{nearest} (there are {all})"
                )));
            }
        }
        Ok(if asked.is_empty() { there } else { asked.to_vec() })
    }
}
