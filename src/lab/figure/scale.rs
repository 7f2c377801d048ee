//! Axes: from numbers to positions, and where the ticks are.

use super::number::{fixed, magnitude, power_of_ten, short, superscript};

/// Beyond these an axis can't take differences and quotients of its ends.
const LARGEST: f64 = 1e300;
const SMALLEST: f64 = 1e-290;

/// The range of an axis, linear or logarithmic.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scale {
    low: f64,
    high: f64,
    log: bool,
}

/// The ticks of an axis.
#[derive(Debug, Default, PartialEq)]
pub struct Ticks {
    /// Position in the data's units, and label.
    pub major: Vec<(f64, String)>,
    /// Positions of the small ticks between, on logarithmic axes.
    pub minor: Vec<f64>,
    /// A factor that all labels were divided by, such as `×10⁻⁴`, or nothing.
    pub factor: String,
}

impl Scale {
    /// A scale that holds all of `values` that it can show, with a share of `padding` on either
    /// side. None where there is no such value.
    pub fn fit(values: impl Iterator<Item = f64>, log: bool, padding: f64) -> Option<Self> {
        let shown = values.filter(|v| v.is_finite() && !(log && *v <= 0.0));
        let (low, high) = shown
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
        if low > high {
            return None;
        }
        Some(Self::new(low, high, log).padded(padding))
    }

    /// A scale from `low` to `high`; equal ends are moved apart, and extreme ones are moved in.
    pub fn new(low: f64, high: f64, log: bool) -> Self {
        let least = if log { SMALLEST } else { -LARGEST };
        let [low, high] = [low, high].map(|end| end.clamp(least, LARGEST));
        // Below this width the ticks' labels would need more digits than a double holds.
        let largest = low.abs().max(high.abs());
        let (low, high) = if high - low > (1e-9 * largest).max(SMALLEST) {
            (low, high)
        } else if log {
            (low / 2.0, high * 2.0)
        } else {
            let room = if largest <= SMALLEST { 1.0 } else { 0.1 * largest };
            (low - room, high + room)
        };
        Self { low, high, log }
    }

    fn padded(self, padding: f64) -> Self {
        if self.log {
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
        if !value.is_finite() || (self.log && value <= 0.0) {
            return None;
        }
        let place = |v: f64| if self.log { v.ln() } else { v };
        let (low, high) = (place(self.low), place(self.high));
        // Bounded, since the drawing library's coordinates are single precision.
        Some(((place(value) - low) / (high - low)).clamp(-100.0, 100.0))
    }

    /// The ends of the axis, the low one first.
    pub fn ends(&self) -> (f64, f64) {
        (self.low, self.high)
    }

    /// The length of a linear axis in the data's units.
    pub fn span(&self) -> f64 {
        self.high - self.low
    }

    /// About `target` ticks.
    pub fn ticks(&self, target: usize) -> Ticks {
        if !self.log {
            return linear_ticks(self.low, self.high, target);
        }
        let decades = whole_between(self.low.log10(), self.high.log10());
        if decades.len() >= 2 {
            return decade_ticks(self.low, self.high, &decades, target);
        }
        let between: Vec<f64> = steps_in_decades(self.low, self.high, &[1.0, 2.0, 5.0]);
        if between.len() >= 3 {
            let label = |v: &f64| (*v, short(*v));
            let minor = steps_in_decades(self.low, self.high, &NINE);
            return Ticks { major: between.iter().map(label).collect(), minor, ..Ticks::default() };
        }
        linear_ticks(self.low, self.high, target)
    }
}

const NINE: [f64; 9] = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0];

/// Ticks at multiples of 1, 2 or 5 times a power of ten; one step finer where only one would fit.
fn linear_ticks(low: f64, high: f64, target: usize) -> Ticks {
    let rough = (high - low) / target.max(1) as f64;
    let exponent = rough.log10().floor() as i32;
    let unit = 10f64.powi(exponent);
    let steps = [1.0, 2.0, 5.0, 10.0];
    let between = |step: f64| whole_between(low / step, high / step);
    let enough = steps.iter().position(|m| m * unit >= rough * 0.999).unwrap_or(3);
    let lonely = between(steps[enough] * unit).len() < 2;
    let multiple = steps[if lonely { enough.saturating_sub(1) } else { enough }];
    let step = multiple * unit;
    let values: Vec<f64> = between(step).iter().map(|index| *index as f64 * step).collect();
    let largest = values.iter().fold(0.0f64, |most, v| most.max(v.abs()));
    let scale = magnitude(largest);
    let step_exponent = if multiple == 10.0 { exponent + 1 } else { exponent };
    let shift = if (-3..6).contains(&scale) { 0 } else { scale };
    let decimals = (shift - step_exponent).max(0) as usize;
    let label = |v: &f64| (*v, fixed(v / 10f64.powi(shift), decimals));
    let factor = if shift == 0 { String::new() } else { format!("×10{}", superscript(shift)) };
    Ticks { major: values.iter().map(label).collect(), minor: Vec::new(), factor }
}

fn decade_ticks(low: f64, high: f64, decades: &[i64], target: usize) -> Ticks {
    let stride = decades.len().div_ceil(target.max(2)).max(1) as i64;
    let labelled = decades.iter().filter(|decade| decade.rem_euclid(stride) == 0);
    let major = labelled.map(|d| (10f64.powi(*d as i32), power_of_ten(*d as i32))).collect();
    let minor = if stride == 1 {
        steps_in_decades(low, high, &NINE)
    } else {
        decades.iter().map(|decade| 10f64.powi(*decade as i32)).collect()
    };
    Ticks { major, minor, factor: String::new() }
}

/// All of `multiples` times a power of ten that lie between `low` and `high`.
fn steps_in_decades(low: f64, high: f64, multiples: &[f64]) -> Vec<f64> {
    let (first, last) = (low.log10().floor() as i32, high.log10().ceil() as i32);
    let all = (first..=last).flat_map(|d| multiples.iter().map(move |m| m * 10f64.powi(d)));
    all.filter(|v| (low..=high).contains(v)).collect()
}

/// Whole numbers between two numbers, with a little room for rounding.
fn whole_between(low: f64, high: f64) -> Vec<i64> {
    let room = 1e-6;
    ((low - room).ceil() as i64..=(high + room).floor() as i64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(low: f64, high: f64, log: bool) -> Vec<String> {
        let ticks = Scale::new(low, high, log).ticks(5);
        ticks.major.into_iter().map(|(_, label)| label).collect()
    }

    #[test]
    fn ticks_are_round_numbers() {
        assert_eq!(labels(0.0, 1.0, false), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(labels(-3.0, 7.0, false), ["−2", "0", "2", "4", "6"]);
        assert_eq!(
            labels(0.0, 46900.0, false),
            ["0", "10\u{2009}000", "20\u{2009}000", "30\u{2009}000", "40\u{2009}000"]
        );
        let few = Scale::new(0.08, 0.77, false).ticks(3).major.into_iter().map(|(_, label)| label);
        assert_eq!(few.collect::<Vec<String>>(), ["0.2", "0.4", "0.6"]);
        assert_eq!(labels(0.92, 0.94, false), ["0.920", "0.925", "0.930", "0.935", "0.940"]);
    }

    #[test]
    fn small_and_large_numbers_share_a_factor() {
        let ticks = Scale::new(0.0, 4e-5, false).ticks(4);
        assert_eq!(ticks.factor, "×10⁻⁵");
        assert_eq!(ticks.major[1].1, "1");
        assert_eq!(Scale::new(0.0, 3e7, false).ticks(3).factor, "×10⁷");
    }

    #[test]
    fn logarithmic_ticks_are_decades_then_steps() {
        assert_eq!(labels(1e-3, 20.0, true), ["10⁻³", "10⁻²", "10⁻¹", "1", "10"]);
        assert_eq!(labels(1e-12, 1.0, true), ["10⁻¹²", "10⁻⁹", "10⁻⁶", "10⁻³", "1"]);
        assert_eq!(labels(0.3, 6.0, true), ["0.5", "1", "2", "5"]);
        assert_eq!(labels(3.0, 4.0, true), ["3.0", "3.2", "3.4", "3.6", "3.8", "4.0"]);
    }

    #[test]
    fn constant_extreme_and_empty_data_have_a_scale() {
        assert_eq!(Scale::fit([2.0].into_iter(), false, 0.0), Some(Scale::new(1.8, 2.2, false)));
        assert_eq!(Scale::fit([0.0, f64::NAN].into_iter(), true, 0.1), None);
        for value in [0.0, 1e300, -1e-300, 5e-324, 123_456_789.0] {
            let scale = Scale::fit([value].into_iter(), false, 0.05).unwrap();
            assert!(scale.ticks(5).major.len() >= 2, "{value}");
            assert_eq!(scale.position(value).map(|p| (p * 1e6).round()), Some(5e5));
        }
    }

    #[test]
    fn a_logarithmic_axis_holds_all_that_a_double_can() {
        for values in [[1e-12, 1e300], [5e-324, f64::MAX], [1e250, 1e300]] {
            let scale = Scale::fit(values.into_iter(), true, 0.045).unwrap();
            let ticks = scale.ticks(5).major;
            assert!((2..=10).contains(&ticks.len()), "{values:?}: {ticks:?}");
            let places = values.map(|value| scale.position(value).unwrap());
            assert!(places.iter().all(|place| (-0.1..=1.1).contains(place)), "{places:?}");
        }
        for (low, high, log) in [(1.0, f64::INFINITY, false), (5e-324, 5e-324, true)] {
            let ticks = Scale::new(low, high, log).ticks(5).major;
            assert!(ticks.len() >= 2 && ticks.iter().all(|(value, _)| value.is_finite()));
        }
    }
}
