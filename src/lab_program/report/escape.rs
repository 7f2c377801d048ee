//! Text in HTML.

/// Text as HTML shows it, also within quotation marks; control characters are blanks.
pub fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            '\n' => safe.push('\n'),
            _ if character.is_control() => safe.push(' '),
            _ => safe.push(character),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_markup() {
        assert_eq!(
            escape("<a b=\"c\" d='e'>&amp;\u{1b}\n"),
            "&lt;a b=&quot;c&quot; d=&#39;e&#39;&gt;&amp;amp; \n"
        );
    }
}
