//! What part of a plot is taken, so that labels and legends go where no data is.

use super::frame::Frame;

/// Side of the squares that a plot is divided into, in layout units.
const CELL: f32 = 5.0;

/// Which cells of a plot hold data or labels.
pub(super) struct Occupancy {
    frame: Frame,
    columns: usize,
    rows: usize,
    taken: Vec<bool>,
}

impl Occupancy {
    pub fn new(frame: Frame) -> Self {
        let count = |length: f32| (length / CELL).ceil().max(1.0) as usize;
        let (columns, rows) = (count(frame.width()), count(frame.height()));
        Self { frame, columns, rows, taken: vec![false; columns * rows] }
    }

    /// Marks everything along the line through `points`.
    pub fn add_line(&mut self, points: &[(f32, f32)]) {
        if let [only] = points {
            self.add_point(*only);
        }
        for pair in points.windows(2) {
            let [(x, y), (to_x, to_y)] = [pair[0], pair[1]];
            // A point far outside of the plot must not take forever to walk to.
            let span = (to_x - x).abs().max((to_y - y).abs()).min(1e4);
            let steps = (span / CELL * 2.0).ceil().max(1.0);
            for step in 0..=steps as usize {
                let share = step as f32 / steps;
                self.add_point((x + share * (to_x - x), y + share * (to_y - y)));
            }
        }
    }

    /// Marks all of `area`.
    pub fn add_frame(&mut self, area: Frame) {
        for index in self.cells(area) {
            self.taken[index] = true;
        }
    }

    /// Whether no marked cell touches `area`.
    pub fn is_free(&self, area: Frame) -> bool {
        self.cells(area).all(|index| !self.taken[index])
    }

    fn add_point(&mut self, (x, y): (f32, f32)) {
        if x >= self.frame.left - CELL && x <= self.frame.right + CELL && y.is_finite() {
            self.add_frame(Frame::new(x, y, x, y));
        }
    }

    fn cells(&self, frame: Frame) -> impl Iterator<Item = usize> + use<> {
        let cell = |offset: f32, most: usize| ((offset / CELL).max(0.0) as usize).min(most - 1);
        let left = cell(frame.left - self.frame.left, self.columns);
        let right = cell(frame.right - self.frame.left, self.columns);
        let top = cell(frame.top - self.frame.top, self.rows);
        let bottom = cell(frame.bottom - self.frame.top, self.rows);
        let columns = self.columns;
        (top..=bottom).flat_map(move |row| (left..=right).map(move |column| row * columns + column))
    }
}
