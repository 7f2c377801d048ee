//! Axes: from numbers to positions.

use serde::{Deserialize, Serialize};

use super::ticks::{self, MANY, Ticks};

/// Beyond these an axis can't take differences and quotients of its ends.
const LARGEST: f64 = 1e300;
const SMALLEST: f64 = 1e-290;
/// The least end of a logarithmic axis: below it doubles lose digits.
const LEAST: f64 = 1e-305;

/// How numbers are spread along an axis or a colour bar.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Spacing {
    /// Equal differences are as long.
    #[default]
    Linear,
    /// Equal factors are as long. What isn't positive has no place.
    Log,
    /// As linear up to this distance from 0, and as logarithmic far beyond it, on both sides.
    SymmetricLog(f64),
}

impl Spacing {
    /// Logarithmic or linear.
    pub(super) fn log(log: bool) -> Self {
        if log { Self::Log } else { Self::Linear }
    }

    /// A number as a length along the axis.
    fn place(self, value: f64) -> f64 {
        match self {
            Self::Linear => value,
            Self::Log => value.ln(),
            Self::SymmetricLog(near) => (value / near.max(SMALLEST)).asinh(),
        }
    }

    /// Whether `value` has a place.
    fn shows(self, value: f64) -> bool {
        let positive = match self {
            Self::Linear | Self::SymmetricLog(_) => true,
            Self::Log => value > 0.0,
        };
        value.is_finite() && positive
    }
}

/// The range of an axis.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scale {
    low: f64,
    high: f64,
    spacing: Spacing,
    /// The values are whole numbers: so are the ticks.
    whole: bool,
}

impl Scale {
    /// A scale that holds all of `values` that it can show, with a share of `padding` on either
    /// side. None where there is no such value.
    pub fn fit(values: impl Iterator<Item = f64>, spacing: Spacing, padding: f64) -> Option<Self> {
        let (mut low, mut high, mut whole) = (f64::INFINITY, f64::NEG_INFINITY, true);
        for value in values.filter(|value| spacing.shows(*value)) {
            (low, high) = (low.min(value), high.max(value));
            whole &= value.fract() == 0.0;
        }
        if low > high {
            return None;
        }
        // Of two neighbouring whole numbers it can't be told whether others would be, too.
        let whole = whole && high - low >= 2.0;
        Some(Self { whole, ..Self::new(low, high, spacing).padded(padding) })
    }

    /// A scale from `low` to `high`; equal ends are moved apart, and extreme ones are moved in.
    pub fn new(low: f64, high: f64, spacing: Spacing) -> Self {
        let log = spacing == Spacing::Log;
        let least = if log { LEAST } else { -LARGEST };
        let [low, high] = [low, high].map(|end| end.clamp(least, LARGEST));
        // Below this width the ticks' labels would need more digits than a double holds.
        let largest = low.abs().max(high.abs());
        let narrowest = if log { 1e-9 * largest } else { (1e-9 * largest).max(SMALLEST) };
        let (low, high) = if high - low > narrowest {
            (low, high)
        } else if log {
            (low / 2.0, high * 2.0)
        } else {
            let room = if largest <= SMALLEST { 1.0 } else { 0.1 * largest };
            (low - room, high + room)
        };
        Self { low, high, spacing, whole: false }
    }

    fn padded(self, padding: f64) -> Self {
        if self.spacing == Spacing::Log {
            let room = (self.high / self.low).min(f64::MAX).powf(padding);
            let (low, high) = (self.low / room, self.high * room);
            return Self { low: low.max(f64::MIN_POSITIVE), high: high.min(f64::MAX), ..self };
        }
        let room = padding * (self.high - self.low);
        Self { low: self.low - room, high: self.high + room, ..self }
    }

    /// Where `value` is, from 0 at the low end to 1 at the high end. None where the axis can't
    /// show it at all.
    pub fn position(&self, value: f64) -> Option<f64> {
        if !self.spacing.shows(value) {
            return None;
        }
        let [low, high, at] = [self.low, self.high, value].map(|v| self.spacing.place(v));
        // Bounded, since the drawing library's coordinates are single precision.
        Some(((at - low) / (high - low)).clamp(-100.0, 100.0))
    }

    /// How far beyond the axis `value` is, in lengths of the axis, negative below it. None where it
    /// is on the axis, or a line's width beyond, or where the axis can't show it at all.
    pub fn beyond(&self, value: f64) -> Option<f64> {
        match self.position(value)? {
            below if below < -0.005 => Some(below),
            above if above > 1.005 => Some(above - 1.0),
            _ => None,
        }
    }

    /// Whether equal factors are as long.
    pub fn is_log(&self) -> bool {
        self.spacing == Spacing::Log
    }

    /// The two ends.
    pub fn ends(&self) -> (f64, f64) {
        (self.low, self.high)
    }

    /// The length of a linear axis in the data's units.
    pub fn span(&self) -> f64 {
        self.high - self.low
    }

    /// Four to seven ticks, or up to `most` where that is fewer.
    pub fn ticks(&self, most: usize) -> Ticks {
        let (low, high, most) = (self.low, self.high, most.min(MANY));
        match self.spacing {
            Spacing::Linear => ticks::linear(low, high, most, if self.whole { 1.0 } else { 0.0 }),
            Spacing::Log => ticks::logarithmic(low, high, most),
            Spacing::SymmetricLog(near) => ticks::symmetric_log(low, high, near, most),
        }
    }
}

/// Values of which one can be told to lie far from the rest.
const MANY_VALUES: usize = 50;

/// The range of most of some values: on either side to the outermost one, unless that is farther
/// out than the middle 98 % of the values are wide. Of fewer than 50 values all are in it. None
/// where no value is finite.
pub fn typical_range(values: impl IntoIterator<Item = f64>) -> Option<(f64, f64)> {
    let mut sorted: Vec<f64> = values.into_iter().filter(|value| value.is_finite()).collect();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().checked_sub(1)?;
    let outside = (sorted.len() as f64 * 0.01).ceil() as usize;
    let (low, high) = (sorted[outside.min(last / 2)], sorted[last - outside.min(last / 2)]);
    let width = high - low;
    if width <= 0.0 || sorted.len() < MANY_VALUES {
        return Some((sorted[0], sorted[last]));
    }
    let end = |inner: f64, outer: f64| if (outer - inner).abs() > width { inner } else { outer };
    Some((end(low, sorted[0]), end(high, sorted[last])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constant_extreme_and_empty_data_have_a_scale() {
        let linear = Spacing::Linear;
        assert_eq!(Scale::fit([2.0].into_iter(), linear, 0.0), Some(Scale::new(1.8, 2.2, linear)));
        assert_eq!(Scale::fit([0.0, f64::NAN].into_iter(), Spacing::Log, 0.1), None);
        for value in [0.0, 1e300, -1e-300, 5e-324, -2.5, 123_456_789.0] {
            let scale = Scale::fit([value].into_iter(), linear, 0.05).unwrap();
            let ticks = scale.ticks(7).major;
            assert!((4..=7).contains(&ticks.len()), "{value}: {ticks:?}");
            assert_eq!(scale.position(value).map(|p| (p * 1e6).round()), Some(5e5));
        }
    }

    #[test]
    fn a_tiny_span_on_a_large_offset_has_ticks_that_differ() {
        for (low, high) in [(1e6, 1e6 + 1e-2), (-5e9, -5e9 + 20.0), (1e300, 1.00001e300)] {
            let ticks = Scale::new(low, high, Spacing::Linear).ticks(7);
            let mut labels: Vec<&String> = ticks.major.iter().map(|(_, label)| label).collect();
            let count = labels.len();
            labels.dedup();
            assert!((4..=7).contains(&count) && labels.len() == count, "{low}: {ticks:?}");
            assert!(labels.iter().all(|label| label.chars().count() <= 7), "{ticks:?}");
            assert!(!ticks.factor.is_empty());
        }
    }

    #[test]
    fn a_logarithmic_axis_holds_all_that_a_double_can() {
        for values in [[1e-12, 1e300], [5e-324, f64::MAX], [1e250, 1e300], [1e-300, 2e-300]] {
            let scale = Scale::fit(values.into_iter(), Spacing::Log, 0.045).unwrap();
            let ticks = scale.ticks(7).major;
            assert!((2..=7).contains(&ticks.len()), "{values:?}: {ticks:?}");
            let places = values.map(|value| scale.position(value).unwrap());
            assert!(places.iter().all(|place| (-0.1..=1.1).contains(place)), "{places:?}");
        }
        for (low, high, spacing) in
            [(1.0, f64::INFINITY, Spacing::Linear), (5e-324, 5e-324, Spacing::Log)]
        {
            let ticks = Scale::new(low, high, spacing).ticks(7).major;
            assert!(ticks.len() >= 2 && ticks.iter().all(|(value, _)| value.is_finite()));
        }
    }

    #[test]
    fn a_symmetric_logarithmic_axis_is_odd_about_zero() {
        let scale = Scale::new(-100.0, 100.0, Spacing::SymmetricLog(1.0));
        assert_eq!(scale.position(0.0), Some(0.5));
        let place = |value: f64| scale.position(value).unwrap() - 0.5;
        assert!((place(7.0) + place(-7.0)).abs() < 1e-12);
        // asinh(1) / asinh(100) / 2
        assert!((place(1.0) - 0.083_175).abs() < 1e-6, "{}", place(1.0));
    }

    #[test]
    fn a_range_leaves_out_what_lies_far_beyond_the_rest() {
        let most: Vec<f64> = (0..=1000).map(|i| f64::from(i) / 1000.0).collect();
        assert_eq!(typical_range(most.clone()), Some((0.0, 1.0)));
        let with = |outlier: f64| typical_range(most.iter().copied().chain([outlier])).unwrap();
        assert_eq!(with(1.5), (0.0, 1.5));
        let (low, high) = with(-8.5);
        assert!(high == 1.0 && (0.0..0.02).contains(&low), "{low} to {high}");
        assert_eq!(typical_range([f64::NAN]), None);
        assert_eq!(typical_range([3.0, 3.0]), Some((3.0, 3.0)));
        assert_eq!(typical_range([0.0, 1.0, 2.0, 100.0]), Some((0.0, 100.0)));
    }
}
