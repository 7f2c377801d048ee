//! A report in Markdown.

use std::fmt::Write as _;
use std::path::Path;

use super::document::{Block, Document, Picture, Section};
use crate::lab_program::text::table::escaped;

/// The text of a report.
pub fn markdown(document: &Document) -> String {
    let mut text = format!("# {}\n\n{}\n", escaped(&document.title), escaped(&document.about));
    document.sections.iter().for_each(|section| write_section(&mut text, section, 2));
    text
}

fn write_section(text: &mut String, section: &Section, level: usize) {
    let _ = write!(text, "\n{} {}\n", "#".repeat(level), escaped(&section.title));
    for block in &section.blocks {
        match block {
            Block::Paragraph(line) => {
                let _ = write!(text, "\n{}\n", escaped(line));
            }
            Block::Code(command) => {
                let _ = write!(text, "\n{}", code(command));
            }
            Block::Grid(grid) => {
                let _ = write!(text, "\n{}", grid.table.markdown());
            }
            Block::Still(picture) => write_picture(text, picture),
            Block::Pictures(pictures) => {
                pictures.iter().for_each(|picture| write_picture(text, picture));
            }
            // A page has them; here is a still.
            Block::Legend(_) | Block::Charts(_) => {}
        }
    }
    section.sections.iter().for_each(|section| write_section(text, section, level + 1));
}

fn write_picture(text: &mut String, picture: &Picture) {
    let _ = write!(text, "\n![{}]({})\n", escaped(&picture.name), picture.link);
}

/// A path as a link in Markdown has it: what means something there stands as its code.
pub fn link(path: &Path) -> String {
    let one = |c: char| match c {
        '%' | ' ' | '(' | ')' | '&' | '<' | '>' | '\\' | '`' | '\0'..='\x1f' | '\x7f' => {
            format!("%{:02X}", u32::from(c))
        }
        _ => c.into(),
    };
    path.display().to_string().chars().map(one).collect()
}

/// A block of code, between fences that are longer than any in it.
fn code(text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(3.max(longest + 1));
    format!("{fence}\n{text}\n{fence}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_does_not_end_its_own_block() {
        assert_eq!(code("a"), "```\na\n```\n");
        assert_eq!(code("a\n````\n<b>"), "`````\na\n````\n<b>\n`````\n");
    }

    #[test]
    fn a_link_has_nothing_that_markdown_reads() {
        let path = Path::new("/my runs/a (1)&<b>\\`\n.png");
        assert_eq!(link(path), "/my%20runs/a%20%281%29%26%3Cb%3E%5C%60%0A.png");
    }
}
