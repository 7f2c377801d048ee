//! Tables for a terminal, and in Markdown.

use std::fmt::Write as _;

use serde_json::Value;

use crate::lab::figure::csv_text;
use crate::lab::log::console::printable;

/// A table of text.
#[derive(Debug, Clone, Default)]
pub struct Table {
    /// Names of the columns.
    pub header: Vec<String>,
    /// Cells: `[row][column]`.
    pub rows: Vec<Vec<String>>,
}

impl Table {
    /// A table without rows.
    pub fn new(header: &[&str]) -> Self {
        Self { header: header.iter().map(ToString::to_string).collect(), rows: Vec::new() }
    }

    /// Takes out columns in which no row has anything.
    pub fn drop_empty_columns(&mut self) {
        for column in (0..self.header.len()).rev() {
            if self.rows.iter().all(|row| row[column].is_empty()) {
                self.header.remove(column);
                self.rows.iter_mut().for_each(|row| drop(row.remove(column)));
            }
        }
    }

    /// Aligned columns. Where `width` characters are not enough, the widest column is cut.
    pub fn text(&self, width: Option<usize>) -> String {
        let length = |text: &String| text.chars().count();
        let line = |row: &Vec<String>| row.iter().map(|cell| printable(cell)).collect();
        let all: Vec<Vec<String>> =
            std::iter::once(&self.header).chain(&self.rows).map(line).collect();
        let lines = || all.iter();
        let mut widths: Vec<usize> = (0..self.header.len())
            .map(|column| lines().map(|row| length(&row[column])).max().unwrap_or(0))
            .collect();
        let whole = widths.iter().sum::<usize>() + 2 * widths.len().saturating_sub(1);
        if let (Some(width), Some(widest)) = (width, widths.iter_mut().max()) {
            *widest = widest.saturating_sub(whole.saturating_sub(width)).max(12);
        }
        let mut text = String::new();
        for row in lines() {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(&widths) {
                let _ = write!(line, "{:<width$}  ", cut(cell, *width));
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }

    /// A table in Markdown.
    pub fn markdown(&self) -> String {
        let line = |cells: &[String]| {
            let cells: Vec<String> = cells.iter().map(|cell| escaped(cell)).collect();
            format!("| {} |\n", cells.join(" | "))
        };
        let rule = format!("|{}\n", "---|".repeat(self.header.len()));
        let rows: String = self.rows.iter().map(|row| line(row)).collect();
        format!("{}{rule}{rows}", line(&self.header))
    }

    /// Comma-separated values.
    pub fn csv(&self) -> String {
        let line = |cells: &Vec<String>| {
            let cells: Vec<String> = cells.iter().map(|cell| csv_text(cell)).collect();
            cells.join(",") + "\n"
        };
        std::iter::once(&self.header).chain(&self.rows).map(line).collect()
    }
}

/// Text for Markdown to show as it is, on one line: no tag, entity, link or emphasis of its own.
pub fn escaped(text: &str) -> String {
    let all: Vec<char> = text.chars().collect();
    // An underscore within a word is no emphasis.
    let in_word = |i: usize| i > 0 && [i - 1, i + 1].iter().all(|i| is_word(all.get(*i)));
    let one = |(i, c): (usize, &char)| match c {
        '&' => "&amp;".into(),
        '<' => "&lt;".into(),
        '\\' | '|' | '[' | ']' | '*' | '`' | '~' => format!("\\{c}"),
        '_' if !in_word(i) => "\\_".into(),
        _ if c.is_control() => " ".into(),
        _ => String::from(*c),
    };
    all.iter().enumerate().map(one).collect()
}

fn is_word(character: Option<&char>) -> bool {
    character.is_some_and(|character| character.is_alphanumeric())
}

fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.into();
    }
    text.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}

/// A JSON value as a setting is written on the command line: text without quotes, lists with
/// commas.
pub fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(list) => list.iter().map(plain).collect::<Vec<_>>().join(","),
        Value::Null => "none".into(),
        other => other.to_string(),
    }
}

/// A measured number in at most five digits; a whole one below ten million in all of its digits.
pub fn number(value: f64) -> String {
    let size = value.abs();
    if value == value.trunc() && size < 1e7 {
        format!("{value:.0}")
    } else if (1e-3..1e5).contains(&size) {
        let digits = (4 - size.log10().floor() as i32).clamp(0, 6) as usize;
        let text = format!("{value:.digits$}");
        match text.contains('.') {
            true => text.trim_end_matches('0').trim_end_matches('.').into(),
            false => text,
        }
    } else {
        format!("{value:.3e}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn aligned_and_cut() {
        let mut table = Table::new(&["run", "empty", "settings"]);
        table.rows.push(vec!["a".into(), String::new(), "lr=0.1 and much more than fits".into()]);
        table.drop_empty_columns();
        assert_eq!(table.text(Some(20)), "run  settings\na    lr=0.1 and muc…\n");
        let whole = "run  settings\na    lr=0.1 and much more than fits\n";
        assert_eq!(table.text(None), whole);
        let page = "| run | settings |\n|---|---|\n| a | lr=0.1 and much more than fits |\n";
        assert_eq!(table.markdown(), page);
        table.rows[0][0] = "a|b\n<i>&amp;".into();
        assert!(table.markdown().contains("| a\\|b &lt;i>&amp;amp; |"), "{}", table.markdown());
        table.rows[0][0] = "\x1b[2Ja\nb".into();
        assert!(table.text(None).ends_with("\n\\u001b[2Ja\\nb  lr=0.1 and much more than fits\n"));
        assert_eq!(
            escaped("![x](/a) _b_c_ **d** ~~e~~"),
            r"!\[x\](/a) \_b_c\_ \*\*d\*\* \~\~e\~\~"
        );
        table.rows[0] = vec!["=1+1".into(), "-1 ± 0.5".into()];
        assert_eq!(table.csv(), "run,settings\n'=1+1,-1 ± 0.5\n");
    }

    #[test]
    fn numbers_and_settings() {
        for (value, text) in [
            (0.123456, "0.12346"),
            (0.5, "0.5"),
            (1234.5678, "1234.6"),
            (12340.4, "12340"),
            (1e-7, "1.000e-7"),
        ] {
            assert_eq!(number(value), text);
        }
        assert_eq!(number(120.0), "120");
        assert_eq!(plain(&json!([64, "a"])), "64,a");
    }
}
