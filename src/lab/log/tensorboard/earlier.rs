//! What the event files of earlier processes say.

use std::collections::HashSet;
use std::fs;
use std::io::{self, BufReader, Read};
use std::path::Path;

use protobuf::Message;
use tensorboard_proto::event::Event;

use super::EVENTS;
use crate::lab::store::regular;

/// Most bytes of a record that are believed. Those of ours have less.
const LARGEST: u64 = 1 << 30;

/// The tags of the pictures of a step in a folder's event files. A file is read up to where it is
/// damaged, as by TensorBoard.
pub(in crate::lab::log) fn pictures_at(folder: &Path, step: u64) -> HashSet<String> {
    let mut tags = HashSet::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if !entry.file_name().to_string_lossy().starts_with(EVENTS) {
            continue;
        }
        let Ok(file) = regular::open(&entry.path()) else { continue };
        let mut file = BufReader::new(file);
        while let Ok(event) = next(&mut file) {
            let values = event.get_summary().get_value().iter();
            let pictures =
                values.filter(|value| event.get_step() == step as i64 && value.has_image());
            tags.extend(pictures.map(|value| value.get_tag().to_owned()));
        }
    }
    tags
}

/// The next record: length (8 bytes, little endian), its checksum (4), the record, its checksum (4).
///
/// # Errors
/// At the end, and where the file is cut or damaged.
fn next(file: &mut impl Read) -> io::Result<Event> {
    let (mut length, mut sum) = ([0; 8], [0; 4]);
    file.read_exact(&mut length)?;
    file.read_exact(&mut sum)?;
    let length = u64::from_le_bytes(length);
    if length > LARGEST {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut record = Vec::new();
    file.by_ref().take(length).read_to_end(&mut record)?;
    file.read_exact(&mut sum)?;
    Event::parse_from_bytes(&record).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::figure::RgbImage;
    use crate::lab::log::tensorboard::EventWriter;

    #[test]
    fn the_pictures_of_a_step_are_found_up_to_where_a_file_is_cut() {
        let folder = tempfile::tempdir().unwrap();
        let image = RgbImage { width: 1, height: 1, pixels: vec![0; 3] };
        for (one, other) in [("a", "b"), ("c", "d")] {
            let mut events = EventWriter::create(folder.path()).unwrap();
            events.image(one, 7, &image).unwrap();
            events.image("later", 8, &image).unwrap();
            events.scalar("number", 7, 1.0).unwrap();
            events.image(other, 7, &image).unwrap();
            events.flush().unwrap();
            if one == "c" {
                let length = fs::metadata(events.path()).unwrap().len();
                let file = fs::File::options().write(true).open(events.path()).unwrap();
                file.set_len(length - 1).unwrap();
            }
        }
        let expected: HashSet<String> = ["a", "b", "c"].map(str::to_string).into();
        assert_eq!(pictures_at(folder.path(), 7), expected);
    }
}
