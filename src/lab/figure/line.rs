//! Line figures: curves over common axes, and the data behind them. `plot` draws them.

use std::fmt::Write as _;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use super::csv::{number, quoted};
use super::series::Series;

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
    /// Ends of the y axis; by default all data and reference lines are in view.
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
    /// every reference line. Numbers read back to the same bits; gaps are empty.
    pub fn to_csv(&self) -> String {
        let mut csv = String::from("series,x,y,low,high\n");
        for series in &self.series {
            let edge = |edge: &Option<Vec<f64>>, i: usize| edge.as_ref()?.get(i).copied();
            for (index, (x, y)) in series.x.iter().zip(&series.y).enumerate() {
                let columns =
                    [Some(*x), Some(*y), edge(&series.low, index), edge(&series.high, index)];
                let columns = columns.map(number);
                let _ = writeln!(csv, "{},{}", quoted(&series.label), columns.join(","));
            }
        }
        for reference in &self.references {
            let value = number(Some(reference.value));
            let _ = writeln!(csv, "{},,{value},,", quoted(&reference.label));
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
