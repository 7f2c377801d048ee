//! Where the idx file of a name is, under the names that archives give it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

/// The file `name` of a folder, plain or else compressed: under that name, with a dot before `idx` as
/// MNIST also goes round, or in a folder of that name as Kaggle unpacks it.
///
/// # Errors
/// If there is none, with the names that it could have.
pub(super) fn find(folder: &Path, name: &str) -> Result<PathBuf> {
    let dotted = name.replacen("-idx", ".idx", 1);
    let names = [name.to_string(), format!("{name}.gz"), dotted.clone(), format!("{dotted}.gz")];
    let folders = [folder.to_path_buf(), folder.join(name), folder.join(&dotted)];
    let places = folders.iter().flat_map(|folder| names.iter().map(move |name| folder.join(name)));
    // A pipe counts: what is wrong with it is said where it is opened.
    if let Some(found) = places.into_iter().find(|place| place.exists() && !place.is_dir()) {
        return Ok(found);
    }
    let plain = folder.join(name);
    match table(folder) {
        Some(table) => bail!(
            "no file {}; {} is a table, and only idx files are read",
            plain.display(),
            table.display()
        ),
        None => bail!("no file {} (nor {name}.gz, nor {dotted})", plain.display()),
    }
}

/// A table in a folder, as Kaggle also has MNIST.
fn table(folder: &Path) -> Option<PathBuf> {
    let paths = fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path());
    paths.filter(|path| path.extension().is_some_and(|extension| extension == "csv")).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = "train-images-idx3-ubyte";

    #[test]
    fn a_file_is_found_under_every_name_that_it_goes_by() {
        for name in [
            NAME,
            "train-images-idx3-ubyte.gz",
            "train-images.idx3-ubyte",
            "train-images.idx3-ubyte.gz",
            "train-images-idx3-ubyte/train-images-idx3-ubyte",
            "train-images.idx3-ubyte/train-images.idx3-ubyte",
        ] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, "").unwrap();
            assert_eq!(find(folder.path(), NAME).unwrap(), path);
            // The usual name comes first.
            if !folder.path().join(NAME).is_dir() {
                fs::write(folder.path().join(NAME), "").unwrap();
                assert_eq!(find(folder.path(), NAME).unwrap(), folder.path().join(NAME));
            }
        }
    }

    #[test]
    fn a_missing_file_is_told_from_a_table() {
        let folder = tempfile::tempdir().unwrap();
        let line = |folder: &Path| find(folder, NAME).unwrap_err().to_string();
        let path = folder.path().display().to_string();
        let missing = format!("no file {path}/{NAME}");
        let others = " (nor train-images-idx3-ubyte.gz, nor train-images.idx3-ubyte)";
        assert_eq!(line(folder.path()), format!("{missing}{others}"));
        fs::write(folder.path().join("mnist_train.csv"), "label,1x1").unwrap();
        let table = format!("; {path}/mnist_train.csv is a table, and only idx files are read");
        assert_eq!(line(folder.path()), format!("{missing}{table}"));
    }
}
