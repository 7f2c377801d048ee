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

    /// Puts the columns of these names before the others.
    pub fn put_first(&mut self, names: &[&str]) {
        let place = |column: &usize| {
            let name = self.header[*column].as_str();
            names.iter().position(|first| *first == name).unwrap_or(names.len())
        };
        let mut order: Vec<usize> = (0..self.header.len()).collect();
        order.sort_by_key(place);
        for row in self.rows.iter_mut().chain([&mut self.header]) {
            *row = order.iter().map(|column| std::mem::take(&mut row[*column])).collect();
        }
    }

    /// Takes out the columns of these names.
    pub fn drop_columns(&mut self, names: &[&str]) {
        for column in (0..self.header.len()).rev() {
            if names.contains(&self.header[column].as_str()) {
                self.header.remove(column);
                self.rows.iter_mut().for_each(|row| drop(row.remove(column)));
            }
        }
    }

    /// Aligned columns.
    pub fn text(&self) -> String {
        lines(&self.printable(), &self.widths())
    }

    /// Aligned columns in lines of `width` characters, with the first column whole and the last of the
    /// others cut as far as it takes; none where that is too little to tell anything.
    pub fn fitted(&self, width: usize) -> Option<String> {
        let widths = cut_to(self.widths(), 1, width)?;
        Some(lines(&self.printable(), &widths))
    }

    /// Two lines for each row of a table that doesn't fit into `width` characters: the first column
    /// whole, and the others below it.
    pub fn stacked(&self, width: usize) -> String {
        const INDENT: &str = "  ";
        let mut first = self.printable();
        let below: Vec<Vec<String>> = first.iter_mut().map(|row| row.split_off(1)).collect();
        let room = width.saturating_sub(INDENT.len());
        let widths = self.widths().split_off(1);
        let widths = cut_to(widths.clone(), 0, room).unwrap_or(widths);
        let rows = first.iter().map(|row| row.concat());
        let below = lines(&below, &widths);
        rows.zip(below.lines()).map(|(name, rest)| format!("{name}\n{INDENT}{rest}\n")).collect()
    }

    /// Header and rows as a terminal can show them.
    fn printable(&self) -> Vec<Vec<String>> {
        let line = |row: &Vec<String>| row.iter().map(|cell| printable(cell)).collect();
        std::iter::once(&self.header).chain(&self.rows).map(line).collect()
    }

    /// Characters of each column.
    fn widths(&self) -> Vec<usize> {
        let all = self.printable();
        let length = |column: usize| all.iter().map(move |row| row[column].chars().count());
        (0..self.header.len()).map(|column| length(column).max().unwrap_or(0)).collect()
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

/// Fewest characters that a column is cut to.
const NARROWEST: usize = 12;

/// The widths of columns in a line of `width` characters: the last is cut, then the one before it,
/// down to column `first`, until all fit. None where they don't.
fn cut_to(mut widths: Vec<usize>, first: usize, width: usize) -> Option<Vec<usize>> {
    let whole = |widths: &[usize]| widths.iter().sum::<usize>() + 2 * (widths.len().max(1) - 1);
    while whole(&widths) > width {
        *widths.iter_mut().skip(first).rfind(|width| **width > NARROWEST)? -= 1;
    }
    Some(widths)
}

/// Rows in aligned columns of these widths.
fn lines(rows: &[Vec<String>], widths: &[usize]) -> String {
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(widths) {
            let _ = write!(line, "{:<width$}  ", cut(cell, *width));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
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
        Value::Array(list) if list.is_empty() => "none".into(),
        Value::Array(list) => list.iter().map(plain).collect::<Vec<_>>().join(","),
        Value::Null => "none".into(),
        other => other.to_string(),
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
        assert_eq!(table.fitted(20).unwrap(), "run  settings\na    lr=0.1 and muc…\n");
        let whole = "run  settings\na    lr=0.1 and much more than fits\n";
        assert_eq!((table.text().as_str(), table.fitted(40).as_deref()), (whole, Some(whole)));
        let page = "| run | settings |\n|---|---|\n| a | lr=0.1 and much more than fits |\n";
        assert_eq!(table.markdown(), page);
        table.rows[0][0] = "a|b\n<i>&amp;".into();
        assert!(table.markdown().contains("| a\\|b &lt;i>&amp;amp; |"), "{}", table.markdown());
        table.rows[0][0] = "\x1b[2Ja\nb".into();
        assert!(table.text().ends_with("\n\\u001b[2Ja\\nb  lr=0.1 and much more than fits\n"));
        assert_eq!(
            escaped("![x](/a) _b_c_ **d** ~~e~~"),
            r"!\[x\](/a) \_b_c\_ \*\*d\*\* \~\~e\~\~"
        );
        table.rows[0] = vec!["=1+1".into(), "-1 ± 0.5".into()];
        assert_eq!(table.csv(), "run,settings\n'=1+1,-1 ± 0.5\n");
        table.put_first(&["none", "settings"]);
        assert_eq!(table.csv(), "settings,run\n-1 ± 0.5,'=1+1\n");
    }

    #[test]
    fn a_narrow_terminal_has_the_first_column_on_a_line_of_its_own() {
        let mut table = Table::new(&["run", "status", "size", "settings"]);
        let row = ["toy/a-name-that-is-long", "done", "1 MB", "lr=0.1 and much more than fits"];
        table.rows.push(row.map(String::from).to_vec());
        assert_eq!(table.fitted(45), None);
        table.drop_columns(&["size", "absent"]);
        let narrow =
            "run\n  status  settings\ntoy/a-name-that-is-long\n  done    lr=0.1 and muc…\n";
        assert_eq!(table.stacked(25), narrow);
    }

    #[test]
    fn settings() {
        assert_eq!(plain(&json!([64, "a"])), "64,a");
        assert_eq!(plain(&json!([])), "none");
    }
}
