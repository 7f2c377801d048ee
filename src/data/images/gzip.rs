//! The content of a gzip file.

use std::io::{self, BufRead, Read};

use flate2::bufread::GzDecoder;

/// The members of a gzip file one after another. Zeros behind the last one, with which tapes and
/// some archives fill up a file, are passed over, as the program `gzip` does.
pub(super) struct Members<R> {
    /// The one that is being read; none at the end.
    member: Option<GzDecoder<R>>,
}

impl<R: BufRead> Members<R> {
    /// The content of `reader`, which stands at the first member.
    pub fn new(reader: R) -> Self {
        Self { member: Some(GzDecoder::new(reader)) }
    }
}

impl<R: BufRead> Read for Members<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(member) = &mut self.member {
            let count = member.read(buffer)?;
            if count > 0 || buffer.is_empty() {
                return Ok(count);
            }
            let rest = self.member.take().map(GzDecoder::into_inner);
            self.member = match rest {
                Some(mut rest) => skip_zeros(&mut rest)?.then(|| GzDecoder::new(rest)),
                None => None,
            };
        }
        Ok(0)
    }
}

/// Goes to the next byte that is not zero; false at the end.
fn skip_zeros(reader: &mut impl BufRead) -> io::Result<bool> {
    loop {
        let bytes = reader.fill_buf()?;
        let (length, zeros) = (bytes.len(), bytes.iter().take_while(|byte| **byte == 0).count());
        reader.consume(zeros);
        if zeros < length || length == 0 {
            return Ok(length > 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn unpack(bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut content = Vec::new();
        // A small buffer, so that members and zeros go over its end.
        let reader = io::BufReader::with_capacity(5, bytes);
        Members::new(reader).read_to_end(&mut content).map(|_| content)
    }

    #[test]
    fn zeros_after_the_last_member_are_none() {
        let (one, two) = (gzip(b"one, "), gzip(b"two"));
        assert_eq!(unpack(&[&one[..], &two].concat()).unwrap(), b"one, two");
        assert_eq!(unpack(&[&one[..], &two, &[0; 512]].concat()).unwrap(), b"one, two");
        assert!(unpack(&[&one[..], &two, &[0; 512], b"and more"].concat()).is_err());
        assert!(unpack(&[&one[..], &two[..two.len() - 1]].concat()).is_err());
    }
}
