//! Where the cells of a matrix are along one of its sides, and what stands beside them.

use serde::{Deserialize, Serialize};

use super::canvas::DENSITY;
use super::number::named;
use super::scale::{Scale, Spacing};
use super::ticks::Ticks;

/// Cells up to which each has its own value beside it, where there is room.
const EACH: usize = 12;

/// What the rows or the columns of a matrix are.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cells {
    /// Numbered from 1.
    #[default]
    Numbered,
    /// Categories: their names, in their order.
    Named(Vec<String>),
    /// Values at the cells' middles, growing or falling, on a linear axis.
    Linear(#[serde(with = "super::numbers")] Vec<f64>),
    /// Values at the cells' middles, growing or falling, on a logarithmic axis.
    Log(#[serde(with = "super::numbers")] Vec<f64>),
}

/// A side of a matrix that is laid out; places are shares of its length. Along a side with an axis
/// the values grow, whatever the order of the cells; else cells follow each other.
pub(super) struct Side {
    /// Where one cell ends and the next begins: `[cell - 1]`, growing.
    bounds: Vec<f32>,
    /// Whether the last cell comes first.
    reversed: bool,
    /// The axis, where there is one.
    axis: Option<Scale>,
    /// Value and name of every cell.
    cells: Vec<(f64, String)>,
}

/// A place beside the cells, with what stands there.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Mark {
    /// As a share of the side, along the axis.
    pub at: f32,
    pub label: String,
}

impl Cells {
    /// Lays out `count` cells. Values that no axis of the kind can hold are names.
    pub(super) fn lay_out(&self, count: usize) -> Side {
        let (values, spacing) = match self {
            Self::Numbered => return Side::categories((1..=count).map(|i| i.to_string())),
            Self::Named(names) => {
                let name = |i: usize| names.get(i).cloned().unwrap_or_default();
                return Side::categories((0..count).map(name));
            }
            Self::Linear(values) => (values, Spacing::Linear),
            Self::Log(values) => (values, Spacing::Log),
        };
        let axis = Side::axis(values, spacing).filter(|_| values.len() == count);
        axis.unwrap_or_else(|| {
            let name = |i: usize| values.get(i).map(|value| named(*value));
            Side::categories((0..count).map(|i| name(i).unwrap_or_default()))
        })
    }
}

impl Side {
    fn categories(names: impl Iterator<Item = String>) -> Self {
        let cells: Vec<(f64, String)> = names.enumerate().map(|(i, n)| (i as f64, n)).collect();
        let bounds = (1..cells.len()).map(|i| i as f32 / cells.len() as f32).collect();
        Self { bounds, reversed: false, axis: None, cells }
    }

    /// None where the values don't grow or fall steadily, or are too close to tell apart.
    fn axis(values: &[f64], spacing: Spacing) -> Option<Self> {
        let reversed = values.len() > 1 && values[0] > values[1];
        let mut growing = values.to_vec();
        if reversed {
            growing.reverse();
        }
        let edges = edges(&growing, spacing)?;
        let (low, high) = (*edges.first()?, *edges.last()?);
        let scale = Scale::new(low, high, spacing);
        if scale.ends() != (low, high) {
            return None;
        }
        let share = |edge: &f64| Some(scale.position(*edge)? as f32);
        let bounds = edges[1..edges.len() - 1].iter().map(share).collect::<Option<Vec<f32>>>()?;
        let name = |value: &f64| (*value, named(*value));
        Some(Self { bounds, reversed, axis: Some(scale), cells: values.iter().map(name).collect() })
    }

    /// The number of the cell at a share of the length, from its low end.
    pub fn cell(&self, share: f32) -> usize {
        let place = self.bounds.partition_point(|bound| *bound <= share);
        if self.reversed { self.cells.len() - 1 - place } else { place }
    }

    /// How many equal parts the side has, of which each is in one cell: as many as there are cells
    /// where these are equal; else a part is half a pixel of a screen, and bounds are rounded to it.
    pub fn grid(&self, length: f32) -> usize {
        let count = self.cells.len();
        let even = |(i, bound): (usize, &f32)| {
            (bound - (i + 1) as f32 / count as f32).abs() * length < 0.01
        };
        match self.bounds.iter().enumerate().all(even) {
            true => count,
            false => (length * DENSITY * 2.0).round().max(1.0) as usize,
        }
    }

    /// Where a cell begins and ends.
    pub fn place(&self, cell: usize) -> (f32, f32) {
        let place = if self.reversed { self.cells.len() - 1 - cell } else { cell };
        let begin = if place == 0 { 0.0 } else { self.bounds[place - 1] };
        (begin, self.bounds.get(place).copied().unwrap_or(1.0))
    }

    /// The smallest share of the length that a cell has.
    pub fn smallest(&self) -> f32 {
        let size = |cell: usize| self.place(cell).1 - self.place(cell).0;
        (0..self.cells.len()).map(size).fold(1.0, f32::min)
    }

    /// Whether the values have an axis.
    pub fn has_axis(&self) -> bool {
        self.axis.is_some()
    }

    /// The names of all cells.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.cells.iter().map(|(_, name)| name.as_str())
    }

    /// What stands beside the side, so that `fits` is true of it: every cell's value, or round
    /// ticks of the axis, or every few cells' names; with the positions of small ticks, and the
    /// factor of all labels.
    pub fn marks(&self, fits: impl Fn(&[Mark]) -> bool) -> (Vec<Mark>, Vec<f32>, String) {
        let middle = |cell: usize| (self.place(cell).0 + self.place(cell).1) / 2.0;
        let Some(axis) = &self.axis else {
            let mark = |cell: usize| Mark { at: middle(cell), label: self.cells[cell].1.clone() };
            return (every_few(self.cells.len(), mark, fits), Vec::new(), String::new());
        };
        let share = |value: f64| axis.position(value).unwrap_or(0.0) as f32;
        let all = self
            .cells
            .iter()
            .map(|(value, label)| Mark { at: share(*value), label: label.clone() });
        let mut all: Vec<Mark> = all.collect();
        all.sort_by(|a, b| a.at.total_cmp(&b.at));
        if all.len() <= EACH && all.windows(2).all(|two| two[0].label != two[1].label) && fits(&all)
        {
            return (all, Vec::new(), String::new());
        }
        let marks = |ticks: &Ticks| -> Vec<Mark> {
            let mark = |(at, label): &(f64, String)| Mark { at: share(*at), label: label.clone() };
            ticks.major.iter().map(mark).collect()
        };
        let ticks = (3..=7).rev().map(|most| axis.ticks(most)).find(|ticks| fits(&marks(ticks)));
        let ticks = ticks.unwrap_or_else(|| axis.ticks(2));
        (marks(&ticks), ticks.minor.iter().map(|at| share(*at)).collect(), ticks.factor.clone())
    }
}

/// The marks of all cells, or of every second, fifth, tenth and so on where those fit; of these the
/// first is the one that a count reaches, so that numbers are round.
fn every_few(
    count: usize,
    mark: impl Fn(usize) -> Mark,
    fits: impl Fn(&[Mark]) -> bool,
) -> Vec<Mark> {
    let steps = (0..6).flat_map(|power| [1, 2, 5].map(|step| step * 10usize.pow(power)));
    let marks = |step: usize| -> Vec<Mark> { (step - 1..count).step_by(step).map(&mark).collect() };
    let mut found = steps.map(marks);
    found.find(|marks| fits(marks)).unwrap_or_default()
}

/// The edges between cells whose middles these are: halfway between two, and the outermost as far
/// from their cell as on its other side. None where the values don't grow.
fn edges(middles: &[f64], spacing: Spacing) -> Option<Vec<f64>> {
    let log = spacing == Spacing::Log;
    let shown = |value: &f64| value.is_finite() && !(log && *value <= 0.0);
    if middles.is_empty() || !middles.iter().all(shown) || !middles.is_sorted_by(|a, b| a < b) {
        return None;
    }
    if let [only] = middles {
        let (low, high) = Scale::new(*only, *only, spacing).ends();
        return Some(vec![low, high]);
    }
    let place = |value: f64| if log { value.ln() } else { value };
    let places: Vec<f64> = middles.iter().map(|value| place(*value)).collect();
    let last = places.len() - 1;
    let mut edges = vec![1.5 * places[0] - 0.5 * places[1]];
    edges.extend(places.windows(2).map(|two| two[0] / 2.0 + two[1] / 2.0));
    edges.push(1.5 * places[last] - 0.5 * places[last - 1]);
    let value = |edge: f64| if log { edge.exp() } else { edge };
    Some(edges.into_iter().map(value).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(side: &Side, most: usize) -> Vec<String> {
        let (marks, _, _) = side.marks(|marks| marks.len() <= most);
        marks.into_iter().map(|mark| mark.label).collect()
    }

    #[test]
    fn values_are_an_axis_with_round_ticks() {
        let middles: Vec<f64> = (0..60).map(|i| -1.0 + 0.05 * (f64::from(i) + 0.5)).collect();
        let side = Cells::Linear(middles).lay_out(60);
        assert_eq!(labels(&side, 7), ["−1.0", "−0.5", "0.0", "0.5", "1.0", "1.5", "2.0"]);
        let (marks, _, _) = side.marks(|marks| marks.len() <= 7);
        assert!((marks[0].at).abs() < 1e-5 && (marks[2].at - 1.0 / 3.0).abs() < 1e-5, "{marks:?}");
        assert_eq!((side.cell(0.001), side.cell(0.5), side.cell(0.999)), (0, 30, 59));
    }

    #[test]
    fn falling_values_grow_along_the_axis() {
        let side = Cells::Linear((0..40).map(|i| 4.0 - 0.1 * f64::from(i)).collect()).lay_out(40);
        assert_eq!((side.cell(0.0), side.cell(1.0)), (39, 0));
        let (begin, end) = side.place(0);
        assert!((begin - 0.975).abs() < 1e-5 && end == 1.0, "{begin} {end}");
        assert_eq!(labels(&side, 7), ["1", "2", "3", "4"]);
    }

    #[test]
    fn few_values_have_each_their_own_tick() {
        let side = Cells::Log(vec![16.0, 32.0, 64.0, 256.0]).lay_out(4);
        assert_eq!(labels(&side, 7), ["16", "32", "64", "256"]);
        // Halfway by factors between 32 and 64, on an axis from 11.3 to 512.
        let edge = ((32.0f64 * 64.0).sqrt() / 128f64.sqrt()).ln() / (512.0 / 128f64.sqrt()).ln();
        assert!((f64::from(side.place(1).1) - edge).abs() < 1e-6, "{:?}", side.place(1));
        assert_eq!(labels(&side, 3), ["30", "100", "300"]);
    }

    #[test]
    fn one_cell_and_extreme_values_have_a_place() {
        for value in [2.0, 0.0, -3.0, 1e-300, 1e299] {
            let side = Cells::Linear(vec![value]).lay_out(1);
            assert!(side.has_axis() && side.place(0) == (0.0, 1.0) && side.cell(0.5) == 0);
            assert_eq!(labels(&side, 7).len(), 1, "{value}");
        }
        let side = Cells::Log(vec![1e-300, 1e-299, 1e-298]).lay_out(3);
        assert!(side.has_axis());
        assert_eq!(labels(&side, 7), ["10⁻³⁰⁰", "10⁻²⁹⁹", "10⁻²⁹⁸"]);
    }

    #[test]
    fn a_tiny_span_on_a_large_offset_has_ticks_that_differ() {
        let middles: Vec<f64> = (0..5).map(|i| 1e6 + 1e-3 * f64::from(i)).collect();
        let side = Cells::Linear(middles).lay_out(5);
        let (marks, _, factor) = side.marks(|marks| marks.len() <= 7);
        assert_eq!(factor, "+ 1\u{2009}000\u{2009}000");
        assert!((4..=7).contains(&marks.len()) && marks[0].label != marks[1].label, "{marks:?}");
    }

    #[test]
    fn what_has_no_axis_is_named() {
        for cells in [
            Cells::Log(vec![0.0, 1.0, 10.0]),
            Cells::Linear(vec![1.0, 3.0, 2.0]),
            Cells::Linear(vec![1.0, f64::NAN, 3.0]),
            // The edges of such cells are beyond what an axis can hold.
            Cells::Linear(vec![1e299, 5e299, 1e300]),
        ] {
            let side = cells.lay_out(3);
            assert!(!side.has_axis());
            assert_eq!(labels(&side, 7).len(), 3, "{cells:?}");
        }
        let names = Cells::Named(vec!["a".into(), "b".into()]).lay_out(2);
        assert_eq!((labels(&names, 7), names.cell(0.6)), (vec!["a".into(), "b".into()], 1));
        assert_eq!(labels(&Cells::Numbered.lay_out(64), 7), ["10", "20", "30", "40", "50", "60"]);
    }
}
