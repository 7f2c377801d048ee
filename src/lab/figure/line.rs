//! Line figures: curves over common axes, and the data behind them. `plot` draws them.

use std::fmt::Write as _;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use super::csv::{number, quoted};
use super::series::{Limit, Series};

/// A horizontal line with its name beside it, such as a published number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reference {
    /// What the value is.
    pub label: String,
    /// Where the line is on the y axis.
    #[serde(with = "super::numbers")]
    pub value: f64,
}

/// Curves over common axes.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct LineFigure {
    /// Heading, in bold.
    pub title: String,
    /// A smaller line below it: what was averaged, over how many samples.
    pub subtitle: String,
    /// Name of the x axis, with its unit.
    pub x_label: String,
    /// Name of the y axis, with its unit.
    pub y_label: String,
    /// Logarithmic x axis; positions that aren't positive are gaps.
    pub x_log: bool,
    /// Logarithmic y axis; values that aren't positive are gaps.
    pub y_log: bool,
    /// Ends of the x axis; by default all data is in view.
    #[serde(with = "super::numbers")]
    pub x_range: Option<(f64, f64)>,
    /// Ends of the y axis; by default all data and reference lines are in view. Where a curve goes
    /// beyond them there is a mark at the edge.
    #[serde(with = "super::numbers")]
    pub y_range: Option<(f64, f64)>,
    /// A unit is as long on both axes, so that circles are round.
    pub equal_units: bool,
    /// The curves.
    pub series: Vec<Series>,
    /// Horizontal reference lines.
    pub references: Vec<Reference>,
}

impl LineFigure {
    /// Curves over linear axes of these names.
    pub fn new(title: &str, x_label: &str, y_label: &str, series: Vec<Series>) -> Self {
        let (title, x_label, y_label) = (title.into(), x_label.into(), y_label.into());
        Self { title, x_label, y_label, series, ..Self::default() }
    }

    /// The data behind the figure: a row for every point, `series,x,y,low,high`, and a row for
    /// every reference line. Numbers read back to the same bits; gaps are empty. Where values are
    /// known to be limits only, one more column, `limit`, says `at most` or `at least`.
    pub fn to_csv(&self) -> String {
        format!("{}\n{}", self.header(), self.rows(self.has_limits()))
    }

    /// The names of the table's columns.
    fn header(&self) -> &'static str {
        if self.has_limits() { "series,x,y,low,high,limit" } else { "series,x,y,low,high" }
    }

    /// Whether a value of it is a limit.
    pub(super) fn has_limits(&self) -> bool {
        let mut limits = self.series.iter().flat_map(|series| &series.limits);
        limits.any(|limit| *limit != Limit::Exact)
    }

    /// The rows of the table, `with_limits` with one more column.
    pub(super) fn rows(&self, with_limits: bool) -> String {
        let mut csv = String::new();
        for series in &self.series {
            let edge = |edge: &Option<Vec<f64>>, i: usize| edge.as_ref()?.get(i).copied();
            for (index, (x, y)) in series.x.iter().zip(&series.y).enumerate() {
                let columns =
                    [Some(*x), Some(*y), edge(&series.low, index), edge(&series.high, index)];
                let columns = columns.map(number).join(",");
                let limit = format!(",{}", series.limit(index).name());
                let limit = if with_limits { &limit } else { "" };
                let _ = writeln!(csv, "{},{columns}{limit}", quoted(&series.label));
            }
        }
        for reference in &self.references {
            let value = number(Some(reference.value));
            let limit = if with_limits { "," } else { "" };
            let _ = writeln!(csv, "{},,{value},,{limit}", quoted(&reference.label));
        }
        csv
    }

    /// Checks that the columns of every series are equally long.
    ///
    /// # Errors
    /// If those of one differ in length.
    pub(super) fn check(&self) -> Result<()> {
        self.series.iter().try_for_each(Series::check)
    }
}
