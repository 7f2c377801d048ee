//! From Markdown to a page that needs nothing else: pictures are in it.

use std::collections::BTreeMap;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use pulldown_cmark::{Event, Options, Parser, Tag, html::push_html};

/// What a browser may take into the page: its own style and the pictures in it.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; \
                      base-uri 'none'; form-action 'none'";

/// Before and after what is shown when its summary is clicked.
pub const FOLDED: (&str, &str) = ("<details><summary>All settings</summary>", "</details>");

/// Pictures, each by its link.
pub type Pictures = BTreeMap<String, Vec<u8>>;

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

/// The page of a text with its pictures. A picture that is not among them is not shown, and HTML that
/// is not [`FOLDED`] is text.
pub fn html(title: &str, markdown: &str, pictures: &Pictures) -> String {
    let events = Parser::new_ext(markdown, Options::ENABLE_TABLES);
    let mut body = String::new();
    push_html(&mut body, events.map(|event| own(event, pictures)));
    let body = body
        .replace("<table>", "<div class=\"scroll\"><table>")
        .replace("</table>", "</table></div>");
    let title = title.replace('&', "&amp;").replace('<', "&lt;");
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{title}</title>\n\
         <style>{STYLE}</style>\n</head>\n<body>\n{body}</body>\n</html>\n"
    )
}

fn own<'a>(event: Event<'a>, pictures: &Pictures) -> Event<'a> {
    match event {
        Event::Start(Tag::Image { link_type, dest_url, title, id }) => {
            let bytes = pictures.get(&*dest_url);
            let bytes = bytes.map(|bytes| STANDARD.encode(bytes)).unwrap_or_default();
            let dest_url = format!("data:image/png;base64,{bytes}").into();
            Event::Start(Tag::Image { link_type, dest_url, title, id })
        }
        Event::Html(text) | Event::InlineHtml(text) => {
            let known = [FOLDED.0, FOLDED.1].contains(&text.trim());
            if known { Event::Html(text) } else { Event::Text(text) }
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_inside() {
        for name in
            ["a.png", "a (1).png", "50%20.png", "R&amp;D.png", "<b>\\\n.png", "é_*_`a`\t.png"]
        {
            let link = link(&Path::new("/home/my runs").join(name));
            let pictures = Pictures::from([(link.clone(), b"png".to_vec())]);
            let text = format!("# A\n\n| a |\n|---|\n| 1 |\n\n![x]({link})\n");
            let page = html("A & B", &text, &pictures);
            assert!(page.contains("<title>A &amp; B</title>"), "{page}");
            assert!(page.contains("src=\"data:image/png;base64,cG5n\""), "{page}");
            assert!(page.contains("<div class=\"scroll\"><table>"), "{page}");
        }
    }

    #[test]
    fn nothing_else_is_taken_into_the_page() {
        let (begin, end) = FOLDED;
        let text = format!("![x](/etc/passwd) ![y](/nowhere)\n\n{begin}\n\n<b>a\n\n{end}\n");
        let text = text + "\n<script>alert(1)</script>\n\n<img src=x>\n";
        let page = html("A", &text, &Pictures::new());
        assert_eq!(page.matches("src=\"").count(), 2);
        assert_eq!(page.matches("src=\"data:image/png;base64,\"").count(), 2);
        assert!(page.contains(begin) && page.contains(end), "{page}");
        for foreign in ["<script", "<b>", "<img src=x"] {
            assert!(!page.contains(foreign), "{foreign}: {page}");
        }
        assert!(page.contains("default-src 'none'"));
    }
}
