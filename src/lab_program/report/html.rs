//! The page of a report: one file that needs nothing else.

use std::fmt::Write as _;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::chart::Chart;
use super::document::{Block, Document, Grid, Mark, Picture, Section};
use super::escape::escape;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// What a browser may take into the page: this style and this script, by their hashes, and the
/// pictures in it. Nothing that a run's files say can become a script of the page.
fn policy() -> String {
    let hash = |text: &str| STANDARD.encode(Sha256::digest(text.as_bytes()));
    format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; img-src data:; \
         base-uri 'none'; form-action 'none'",
        hash(STYLE),
        hash(SCRIPT)
    )
}

/// The page.
pub fn page(document: &Document) -> String {
    let title = escape(&document.title);
    let body: String = document.sections.iter().map(|section| section_html(section, 2)).collect();
    let about = escape(&document.about);
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{title}</title>\n\
         <style>{STYLE}</style>\n</head>\n<body>\n{}<main>\n<h1>{title}</h1>\n<p>{about}</p>\n\
         {body}</main>\n<script>{SCRIPT}</script>\n</body>\n</html>\n",
        policy(),
        contents(document)
    )
}

/// The table of contents.
fn contents(document: &Document) -> String {
    let entry = |section: &Section, inner: &str| {
        format!("<li><a href=\"#{}\">{}</a>{inner}</li>\n", section.id, escape(&section.title))
    };
    let list = |section: &Section| {
        let inner: String = section.sections.iter().map(|inner| entry(inner, "")).collect();
        entry(section, &if inner.is_empty() { inner } else { format!("<ul>{inner}</ul>") })
    };
    let entries: String = document.sections.iter().map(list).collect();
    format!("<nav aria-label=\"Contents\"><h2>Contents</h2>\n<ul>\n{entries}</ul></nav>\n")
}

fn section_html(section: &Section, level: usize) -> String {
    let (id, title) = (&section.id, escape(&section.title));
    let inner: String = section.blocks.iter().map(block).collect();
    let below: String =
        section.sections.iter().map(|section| section_html(section, level + 1)).collect();
    if section.folded {
        return format!(
            "<details id=\"{id}\"><summary><h{level}>{title}</h{level}></summary>\n\
             {inner}{below}</details>\n"
        );
    }
    format!("<section id=\"{id}\">\n<h{level}>{title}</h{level}>\n{inner}{below}</section>\n")
}

fn block(block: &Block) -> String {
    match block {
        Block::Paragraph(text) => format!("<p>{}</p>\n", escape(text)),
        Block::Code(text) => {
            format!("<pre tabindex=\"0\"><code>{}</code></pre>\n", escape(text))
        }
        Block::Grid(grid) => grid_html(grid),
        Block::Legend(names) => legend(names),
        Block::Charts(charts) => {
            let charts: String = charts.iter().map(Chart::html).collect();
            format!("<div class=\"charts\">\n{charts}</div>\n")
        }
        Block::Pictures(pictures) => {
            let picture = |picture: &Picture| {
                let (kind, bytes) = match &picture.svg {
                    Some(svg) => ("svg+xml", svg),
                    None => ("png", &picture.png),
                };
                let (name, bytes) = (escape(&picture.name), STANDARD.encode(bytes));
                format!(
                    "<figure><img alt=\"{name}\" \
                     src=\"data:image/{kind};base64,{bytes}\"><figcaption>{name}</figcaption></figure>\n"
                )
            };
            let pictures: String = pictures.iter().map(picture).collect();
            format!("<div class=\"pictures\">\n{pictures}</div>\n")
        }
        // For readers of the text alone.
        Block::Still(_) => String::new(),
    }
}

/// The names of the curves' colours.
fn legend(names: &[(Option<usize>, String)]) -> String {
    let entry = |(colour, name): &(Option<usize>, String)| {
        format!("<li>{}{}</li>", swatch(*colour), escape(name))
    };
    let entries: String = names.iter().map(entry).collect();
    format!("<ul class=\"legend\">{entries}</ul>\n")
}

fn swatch(colour: Option<usize>) -> String {
    let class = colour.map_or("grey".into(), |colour| format!("c{colour}"));
    format!(
        "<svg class=\"swatch\" viewBox=\"0 0 28 10\" aria-hidden=\"true\">\
         <path class=\"line {class}\" d=\"M2 5H26\"/></svg>"
    )
}

fn grid_html(grid: &Grid) -> String {
    let table = &grid.table;
    let titled = table.header.iter().any(|name| !name.is_empty());
    let mut text = format!(
        "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"{}\"><table>\n",
        escape(&grid.name)
    );
    if titled {
        let head =
            table.header.iter().map(|name| format!("<th scope=\"col\">{}</th>", escape(name)));
        let _ = writeln!(text, "<thead><tr>{}</tr></thead>", head.collect::<String>());
    }
    text += "<tbody>\n";
    for (index, row) in table.rows.iter().enumerate() {
        text += "<tr>";
        for (column, cell) in row.iter().enumerate() {
            let cell = if column > 0 {
                format!("<td{}>{}</td>", long(cell), escape(cell))
            } else {
                let inner = match grid.marks.get(index) {
                    Some(Mark::Colour(colour)) => swatch(*colour) + &escape(cell),
                    Some(Mark::Link(id)) => format!("<a href=\"#{id}\">{}</a>", escape(cell)),
                    Some(Mark::Plain) | None => escape(cell),
                };
                format!("<th scope=\"row\"{}>{inner}</th>", long(cell))
            };
            text += &cell;
        }
        text += "</tr>\n";
    }
    text + "</tbody></table></div>\n"
}

/// Text that is broken into lines; what is shorter stays on one, and the table scrolls.
fn long(cell: &str) -> &'static str {
    if cell.chars().count() > 32 { " class=\"long\"" } else { "" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab_program::text::table::Table;

    #[test]
    fn text_stays_text_wherever_it_stands() {
        let odd = "<script>alert(1)</script>\" onload='x' &amp; \u{1b}";
        let mut table = Table::new(&[odd, "b"]);
        table.rows.push(vec![odd.into(), odd.into()]);
        let grid = |mark| Grid { name: odd.into(), table: table.clone(), marks: vec![mark] };
        let blocks = vec![
            Block::Paragraph(odd.into()),
            Block::Code(odd.into()),
            Block::Grid(grid(Mark::Colour(Some(1)))),
            Block::Grid(grid(Mark::Link("run-1".into()))),
            Block::Legend(vec![(None, odd.into())]),
            Block::Pictures(vec![Picture {
                name: odd.into(),
                link: odd.into(),
                png: vec![1],
                svg: None,
            }]),
        ];
        let section = |folded| Section {
            id: "a".into(),
            title: odd.into(),
            folded,
            blocks: blocks.clone(),
            sections: Vec::new(),
        };
        let sections = vec![section(true), section(false)];
        let page = page(&Document { title: odd.into(), about: odd.into(), sections });
        assert_eq!(page.matches("<script").count(), 1, "{page}");
        for foreign in ["\" onload", "onload='", "\u{1b}", "&amp;amp;amp;"] {
            assert!(!page.contains(foreign), "{foreign}");
        }
    }

    #[test]
    fn the_policy_has_the_hashes_of_what_is_in_the_page() {
        let document = Document { title: "A".into(), about: String::new(), sections: Vec::new() };
        let page = page(&document);
        for (begin, end, directive) in
            [("<style>", "</style>", "style-src"), ("<script>", "</script>", "script-src")]
        {
            let inner = page.split(begin).nth(1).unwrap().split(end).next().unwrap();
            let hash = STANDARD.encode(Sha256::digest(inner.as_bytes()));
            assert!(page.contains(&format!("{directive} 'sha256-{hash}'")), "{directive}");
        }
        assert!(!page.contains("http:") && !page.contains("https:"), "it needs something else");
    }
}
