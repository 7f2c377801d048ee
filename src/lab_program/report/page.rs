//! From Markdown to a page that needs nothing else: pictures are in it.

use std::path::Path;

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use pulldown_cmark::{Event, Options, Parser, Tag, html::push_html};

/// Plain, narrow enough to read, wide tables scroll by themselves; dark where the reader likes it.
const STYLE: &str = "
:root { color-scheme: light dark; }
body { font: 16px/1.55 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1, h2 { line-height: 1.2; } h2 { margin-top: 2.5rem; border-bottom: 1px solid #8885; }
.scroll { overflow-x: auto; margin: 1rem 0; }
table { border-collapse: collapse; font-size: 0.85rem; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: 0.25rem 0.7rem; border-bottom: 1px solid #8884; white-space: nowrap; }
td:last-child { white-space: normal; overflow-wrap: anywhere; min-width: 12rem; }
img { max-width: 100%; background: white; }
pre { background: #8882; padding: 0.7rem; overflow-x: auto; font-size: 0.85rem; }
summary { cursor: pointer; }
";

/// Characters that mean something in a link in Markdown, with the codes that stand for them. The sign
/// of the codes is the first, so that its own code is not taken for another.
const CODES: [(&str, &str); 10] = [
    ("%", "%25"),
    (" ", "%20"),
    ("(", "%28"),
    (")", "%29"),
    ("&", "%26"),
    ("<", "%3C"),
    (">", "%3E"),
    ("\\", "%5C"),
    ("\n", "%0A"),
    ("\r", "%0D"),
];

/// A path as a link in Markdown has it.
pub fn link(path: &Path) -> String {
    let text = path.display().to_string();
    CODES.iter().fold(text, |text, (plain, code)| text.replace(plain, code))
}

/// The path that [`link`] made a link of.
fn path_of(link: &str) -> String {
    CODES.iter().rev().fold(link.to_string(), |text, (plain, code)| text.replace(code, plain))
}

/// The page of a text. Links of pictures count from the current folder.
///
/// # Errors
/// Where a picture can't be read.
pub fn html(title: &str, markdown: &str) -> Result<String> {
    let options = Options::ENABLE_TABLES;
    let events: Vec<Event> =
        Parser::new_ext(markdown, options).map(embedded).collect::<Result<_>>()?;
    let mut body = String::new();
    push_html(&mut body, events.into_iter());
    let body = body
        .replace("<table>", "<div class=\"scroll\"><table>")
        .replace("</table>", "</table></div>");
    let title = title.replace('&', "&amp;").replace('<', "&lt;");
    Ok(format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{title}</title>\n\
         <style>{STYLE}</style>\n</head>\n<body>\n{body}</body>\n</html>\n"
    ))
}

fn embedded(event: Event) -> Result<Event> {
    let Event::Start(Tag::Image { link_type, dest_url, title, id }) = event else {
        return Ok(event);
    };
    let path = path_of(&dest_url);
    let bytes = std::fs::read(Path::new(&path)).with_context(|| format!("reading {path}"))?;
    let dest_url = format!("data:image/png;base64,{}", STANDARD.encode(bytes)).into();
    Ok(Event::Start(Tag::Image { link_type, dest_url, title, id }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_inside() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a.png", "a (1).png", "50%20.png", "R&amp;D.png", "<b>\\\n.png"] {
            let path = folder.path().join(name);
            std::fs::write(&path, b"png").unwrap();
            let text = format!("# A\n\n| a |\n|---|\n| 1 |\n\n![x]({})\n", link(&path));
            let page = html("A & B", &text).unwrap();
            assert!(page.contains("<title>A &amp; B</title>"), "{page}");
            assert!(page.contains("src=\"data:image/png;base64,cG5n\""), "{page}");
            assert!(page.contains("<div class=\"scroll\"><table>"), "{page}");
        }
        assert!(html("A", "![x](missing.png)").is_err());
    }
}
