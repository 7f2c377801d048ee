//! Reads TensorBoard event files back, checking the length and both checksums of every record.

use std::path::Path;

use protobuf::Message;
use tensorboard_proto::event::Event;
use tensorboard_rs::masked_crc32c::masked_crc32c;

/// All events of `path`; an error names the record that is damaged.
pub fn read_events(path: &Path) -> Result<Vec<Event>, String> {
    let bytes = std::fs::read(path).map_err(|e| e.to_string())?;
    let mut rest = bytes.as_slice();
    let mut events = Vec::new();
    while !rest.is_empty() {
        let number = events.len();
        let (record, tail) = split_record(rest).map_err(|e| format!("record {number}: {e}"))?;
        events.push(Event::parse_from_bytes(record).map_err(|e| format!("record {number}: {e}"))?);
        rest = tail;
    }
    Ok(events)
}

/// The first record of `bytes`, and what follows it. Layout: length (8 bytes, little endian), its
/// masked CRC-32C (4), the record, its masked CRC-32C (4).
fn split_record(bytes: &[u8]) -> Result<(&[u8], &[u8]), String> {
    let (header, rest) = bytes.split_first_chunk::<8>().ok_or("cut in the length")?;
    let (header_sum, rest) = rest.split_first_chunk::<4>().ok_or("cut in the checksum")?;
    if masked_crc32c(header) != u32::from_le_bytes(*header_sum) {
        return Err("checksum of the length".to_owned());
    }
    let length = u64::from_le_bytes(*header) as usize;
    let (record, rest) = rest.split_at_checked(length).ok_or("cut in the record")?;
    let (sum, rest) = rest.split_first_chunk::<4>().ok_or("cut in the checksum")?;
    if masked_crc32c(record) != u32::from_le_bytes(*sum) {
        return Err("checksum of the record".to_owned());
    }
    Ok((record, rest))
}
