//! Where the ticks of an axis are, and what stands beside them: four to seven round numbers where
//! there is room for them.

use super::number::{fixed, magnitude, named, power_of_ten, scientific, superscript, trimmed};

/// Fewest and most ticks of an axis that has the room, and from how many on it is well served.
const FEW: usize = 4;
const ENOUGH: usize = 5;
pub(super) const MANY: usize = 7;
/// Digits of a label, beyond which all labels are counted from a common number.
const DIGITS: i32 = 5;
/// Sets of multiples of powers of ten for logarithmic axes, from few to many.
const MULTIPLES: [&[f64]; 4] = [&[1.0], &[1.0, 3.0], &[1.0, 2.0, 5.0], &[1.0, 2.0, 3.0, 5.0]];
const NINE: [f64; 9] = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0];

/// The ticks of an axis.
#[derive(Debug, Default, PartialEq)]
pub struct Ticks {
    /// Position in the data's units, and label.
    pub major: Vec<(f64, String)>,
    /// Positions of the small ticks between, on logarithmic axes.
    pub minor: Vec<f64>,
    /// What all labels are to be multiplied by and what is to be added to them, such as `×10⁻⁴` or
    /// `+ 1 000 000`, or nothing.
    pub factor: String,
}

/// A step between ticks: a multiple of a power of ten.
#[derive(Clone, Copy)]
struct Stride {
    multiple: f64,
    exponent: i32,
}

impl Stride {
    fn length(self) -> f64 {
        self.multiple * 10f64.powi(self.exponent)
    }

    /// The power of ten of its last digit.
    fn last_digit(self) -> i32 {
        if self.multiple.fract() == 0.0 { self.exponent } else { self.exponent - 1 }
    }

    /// The multiples of it in a range.
    fn between(self, low: f64, high: f64) -> Vec<i64> {
        whole_between(low / self.length(), high / self.length())
    }
}

/// Ticks at multiples of 1, 2 or 5 times a power of ten, or of 2.5 where those are too few or too
/// many for `most`. No two are closer than `least`.
pub(super) fn linear(low: f64, high: f64, most: usize, least: f64) -> Ticks {
    let stride = linear_stride(low, high, most.clamp(2, MANY), least);
    let at: Vec<f64> =
        stride.between(low, high).iter().map(|index| *index as f64 * stride.length()).collect();
    let largest = |values: &[f64]| values.iter().fold(0.0f64, |most, v| most.max(v.abs()));
    let (offset, added) = match magnitude(largest(&at)) - stride.last_digit() + 1 {
        digits if digits > DIGITS => common_part(low, high),
        _ => (0.0, String::new()),
    };
    let rest: Vec<f64> = at.iter().map(|value| value - offset).collect();
    let size = magnitude(largest(&rest));
    let shift = if (-3..6).contains(&size) { 0 } else { size };
    let decimals = (shift - stride.last_digit()).max(0) as usize;
    let label = |v: f64| fixed(v / 10f64.powi(shift), decimals);
    let scaled = if shift == 0 { String::new() } else { format!("×10{}", superscript(shift)) };
    Ticks {
        major: at.iter().zip(&rest).map(|(at, rest)| (*at, label(*rest))).collect(),
        minor: Vec::new(),
        factor: format!("{scaled} {added}").trim().to_owned(),
    }
}

/// The coarsest stride with five ticks, else with four, or with as many as there is room for if that
/// is fewer.
fn linear_stride(low: f64, high: f64, most: usize, least: f64) -> Stride {
    let top = (high - low).log10().floor() as i32 + 1;
    let all = |multiples: &'static [f64]| {
        let exponents = (top - 3..=top).rev();
        let strides = exponents.flat_map(move |exponent| {
            multiples.iter().map(move |multiple| Stride { multiple: *multiple, exponent })
        });
        strides.filter(move |stride| stride.length() >= least * 0.999)
    };
    let count = |stride: &Stride| stride.between(low, high).len();
    let fits = |least: usize| {
        move |stride: &Stride| (least.min(most)..=most).contains(&stride.between(low, high).len())
    };
    let sparse = |stride: &Stride| (2..=most).contains(&count(stride));
    let (round, halves): (&[f64], &[f64]) = (&[5.0, 2.0, 1.0], &[2.5]);
    let found = all(round).find(fits(ENOUGH)).or_else(|| all(round).find(fits(FEW)));
    let found = found.or_else(|| all(halves).find(fits(FEW)));
    let found = found.or_else(|| all(round).rfind(sparse));
    let found = found.or_else(|| all(round).find(|stride| count(stride) >= 2));
    found.unwrap_or(Stride { multiple: 1.0, exponent: top - 1 })
}

/// A round number near the middle of a narrow range, and how it is added to the labels.
fn common_part(low: f64, high: f64) -> (f64, String) {
    let exponent = (high - low).log10().ceil() as i32 + 1;
    let unit = 10f64.powi(exponent);
    let offset = (low / 2.0 + high / 2.0) / unit;
    let offset = offset.round() * unit;
    let size = magnitude(offset);
    let text = if (-4..7).contains(&size) {
        trimmed(&fixed(offset.abs(), (-exponent).max(0) as usize))
    } else {
        let mantissa = fixed(offset.abs() / 10f64.powi(size), (size - exponent).max(0) as usize);
        format!("{}×10{}", trimmed(&mantissa), superscript(size))
    };
    let sign = if offset < 0.0 { "−" } else { "+" };
    if offset == 0.0 { (0.0, String::new()) } else { (offset, format!("{sign} {text}")) }
}

/// Ticks at decades, or every few of them; where those are too few, at 3, or at 2 and 5, between;
/// within less than that as on a linear axis.
pub(super) fn logarithmic(low: f64, high: f64, most: usize) -> Ticks {
    let most = most.clamp(2, MANY);
    let values = |multiples: &[f64]| steps_in_decades(low, high, multiples);
    match choose(most, high / low > 20.0, &values) {
        Some(values) => Ticks { minor: minor(low, high), ..labelled(&values) },
        None if values(&[1.0]).len() > most => {
            let values = every_few_decades(&values(&[1.0]), most);
            Ticks { minor: minor(low, high), ..labelled(&values) }
        }
        None => linear(low, high, most, 0.0),
    }
}

/// Ticks at 0 and, on both sides, at round numbers from `near` on.
pub(super) fn symmetric_log(low: f64, high: f64, near: f64, most: usize) -> Ticks {
    let most = most.clamp(2, MANY);
    let values = |multiples: &[f64]| {
        let above = steps_in_decades(near, high, multiples);
        let mut all: Vec<f64> =
            steps_in_decades(near, -low, multiples).iter().rev().map(|v| -v).collect();
        all.extend((low <= 0.0 && high >= 0.0).then_some(0.0));
        all.extend(above);
        all
    };
    match choose(most, high.max(-low) / near > 10.0, &values) {
        Some(values) => labelled(&values),
        None if values(&[1.0]).len() > most => {
            let side = |far: f64| steps_in_decades(near, far, &[1.0]);
            let decades = if high > -low { side(high) } else { side(-low) };
            let shown = every_few_decades(&decades, (most - 1) / 2);
            let below = shown.iter().rev().map(|v| -v).filter(|v| *v >= low);
            let above = shown.iter().copied().filter(|v| *v <= high);
            labelled(&below.chain([0.0]).chain(above).collect::<Vec<f64>>())
        }
        None => linear(low, high, most, 0.0),
    }
}

/// The first of the sets that has four ticks at least, and at most `most`; on a `wide` axis, where
/// linear ticks would crowd at one end, else the largest that fits.
fn choose(most: usize, wide: bool, values: &dyn Fn(&[f64]) -> Vec<f64>) -> Option<Vec<f64>> {
    let mut sets: Vec<Vec<f64>> = MULTIPLES.iter().map(|multiples| values(multiples)).collect();
    sets.retain(|set| set.len() <= most);
    let enough = sets.iter().position(|set| set.len() >= FEW.min(most));
    let last = sets.len().checked_sub(1).filter(|last| wide && sets[*last].len() >= 2);
    Some(sets.swap_remove(enough.or(last)?))
}

/// Round numbers with their names: where all are decades, or some are long in full, all as powers of
/// ten.
fn labelled(values: &[f64]) -> Ticks {
    let exponent = |v: f64| v.abs().log10().round() as i32;
    let is_power = |v: &f64| *v == 0.0 || (v.abs() / 10f64.powi(exponent(*v)) - 1.0).abs() < 1e-9;
    let short_in_full = |v: &f64| *v == 0.0 || (1e-3..1e5).contains(&v.abs());
    let plain = values.iter().all(short_in_full) && !values.iter().all(is_power);
    let label = |v: f64| match (plain, is_power(&v)) {
        _ if v == 0.0 => "0".to_owned(),
        (true, _) => named(v),
        (false, true) => format!("{}{}", if v < 0.0 { "−" } else { "" }, power_of_ten(exponent(v))),
        (false, false) => scientific(v),
    };
    Ticks { major: values.iter().map(|v| (*v, label(*v))).collect(), ..Ticks::default() }
}

/// Every second, third, fifth or tenth decade and so on, `most` at most.
fn every_few_decades(decades: &[f64], most: usize) -> Vec<f64> {
    let wanted = decades.len().div_ceil(most.max(1)) as i32;
    let strides = [1, 2, 3, 5, 10, 20, 30, 50, 100, 200, 300];
    let stride = strides.into_iter().find(|stride| *stride >= wanted).unwrap_or(300);
    let exponent = |v: &f64| v.log10().round() as i32;
    decades.iter().copied().filter(|v| exponent(v).rem_euclid(stride) == 0).collect()
}

/// The small ticks: between decades, or the decades themselves where they are many.
fn minor(low: f64, high: f64) -> Vec<f64> {
    let decades = high.log10() - low.log10();
    match decades {
        few if few <= 8.0 => steps_in_decades(low, high, &NINE),
        some if some <= 60.0 => steps_in_decades(low, high, &[1.0]),
        _ => Vec::new(),
    }
}

/// All of `multiples` times a power of ten that lie between `low` and `high`.
fn steps_in_decades(low: f64, high: f64, multiples: &[f64]) -> Vec<f64> {
    if !(low > 0.0 && high >= low) {
        return Vec::new();
    }
    let (first, last) = (low.log10().floor() as i32, high.log10().ceil() as i32);
    let all = (first..=last).flat_map(|d| multiples.iter().map(move |m| m * 10f64.powi(d)));
    all.filter(|v| (low * (1.0 - 1e-9)..=high * (1.0 + 1e-9)).contains(v)).collect()
}

/// Whole numbers between two numbers, with a little room for rounding.
fn whole_between(low: f64, high: f64) -> Vec<i64> {
    let room = 1e-6f64.max(4.0 * f64::EPSILON * low.abs().max(high.abs()));
    let (first, last) = ((low - room).ceil() as i64, (high + room).floor() as i64);
    // What has thousands of ticks is not going to be drawn.
    (first..=last.min(first.saturating_add(5000))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(ticks: Ticks) -> Vec<String> {
        ticks.major.into_iter().map(|(_, label)| label).collect()
    }

    fn linear_labels(low: f64, high: f64) -> Vec<String> {
        labels(linear(low, high, MANY, 0.0))
    }

    #[test]
    fn ticks_are_round_numbers() {
        assert_eq!(linear_labels(0.0, 1.0), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(linear_labels(-3.0, 7.0), ["−2", "0", "2", "4", "6"]);
        assert_eq!(
            linear_labels(0.0, 46900.0),
            ["0", "10\u{2009}000", "20\u{2009}000", "30\u{2009}000", "40\u{2009}000"]
        );
        assert_eq!(linear_labels(0.92, 0.94), ["0.920", "0.925", "0.930", "0.935", "0.940"]);
        assert_eq!(labels(linear(0.08, 0.77, 3, 0.0)), ["0.2", "0.4", "0.6"]);
        // Of five, there are three; of two, there are nine.
        assert_eq!(linear_labels(0.1, 19.0), ["2.5", "5.0", "7.5", "10.0", "12.5", "15.0", "17.5"]);
    }

    #[test]
    fn there_are_four_to_seven_ticks_wherever_the_ends_are() {
        for first in 0..400 {
            for width in 1..200 {
                let low = f64::from(first) * 0.37 - 71.0;
                let high = low + f64::from(width) * 0.173;
                let count = linear(low, high, MANY, 0.0).major.len();
                assert!((FEW..=MANY).contains(&count), "{low} to {high}: {count}");
                let low = 10f64.powf(low / 10.0);
                let high = low * 10f64.powf(f64::from(width) / 19.0 + 0.01);
                let count = logarithmic(low, high, MANY).major.len();
                assert!((FEW..=MANY).contains(&count), "{low:e} to {high:e}: {count}");
            }
        }
    }

    #[test]
    fn counts_have_no_fractions() {
        assert_eq!(labels(linear(-0.1, 2.1, MANY, 1.0)), ["0", "1", "2"]);
        assert_eq!(labels(linear(0.9, 5.1, MANY, 1.0)), ["1", "2", "3", "4", "5"]);
    }

    #[test]
    fn small_and_large_numbers_share_a_factor() {
        let ticks = linear(0.0, 4e-5, 5, 0.0);
        assert_eq!((ticks.factor.as_str(), ticks.major[1].1.as_str()), ("×10⁻⁵", "1"));
        assert_eq!(linear(0.0, 3e7, 5, 0.0).factor, "×10⁷");
    }

    #[test]
    fn a_narrow_range_is_counted_from_a_round_number() {
        let ticks = linear(1e6, 1e6 + 1e-3, MANY, 0.0);
        assert_eq!(ticks.factor, "+ 1\u{2009}000\u{2009}000");
        assert_eq!(labels(ticks), ["0.0000", "0.0002", "0.0004", "0.0006", "0.0008", "0.0010"]);
        let ticks = linear(-1.000_25e300, -1.000_1e300, MANY, 0.0);
        assert_eq!(ticks.factor, "×10²⁹⁶ − 1×10³⁰⁰");
        assert_eq!(labels(ticks), ["−2.5", "−2.0", "−1.5", "−1.0"]);
    }

    #[test]
    fn logarithmic_ticks_are_decades_then_steps() {
        let labels = |low, high, most| labels(logarithmic(low, high, most));
        assert_eq!(labels(1e-3, 20.0, 5), ["10⁻³", "10⁻²", "10⁻¹", "1", "10"]);
        assert_eq!(labels(1e-12, 1.0, 5), ["10⁻¹²", "10⁻⁹", "10⁻⁶", "10⁻³", "1"]);
        assert_eq!(labels(0.07, 4.0, MANY), ["0.1", "0.3", "1", "3"]);
        assert_eq!(labels(0.3, 6.0, MANY), ["0.5", "1", "2", "5"]);
        assert_eq!(labels(2e-4, 0.02, MANY), ["3×10⁻⁴", "10⁻³", "3×10⁻³", "10⁻²"]);
        assert_eq!(labels(1e-5, 1.2e-4, 5), ["10⁻⁵", "2×10⁻⁵", "5×10⁻⁵", "10⁻⁴"]);
        assert_eq!(labels(3.0, 4.0, MANY), ["3.0", "3.2", "3.4", "3.6", "3.8", "4.0"]);
    }

    #[test]
    fn symmetric_ticks_have_zero_and_both_signs() {
        let labels = |low, high, near| labels(symmetric_log(low, high, near, MANY));
        assert_eq!(labels(-29.0, 29.0, 1.0), ["−10", "−1", "0", "1", "10"]);
        assert_eq!(labels(-4.9, 4.9, 1.0), ["−3", "−1", "0", "1", "3"]);
        assert_eq!(labels(-1e9, 1e9, 1.0), ["−10⁵", "−1", "0", "1", "10⁵"]);
        assert_eq!(labels(-0.5, 0.5, 1.0), ["−0.4", "−0.2", "0.0", "0.2", "0.4"]);
    }
}
