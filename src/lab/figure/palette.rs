//! Colours that remain apart for readers with any colour vision.

use serde::{Deserialize, Serialize};

/// A colour in sRGB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rgb(pub u8, pub u8, pub u8);

pub(super) const WHITE: Rgb = Rgb(255, 255, 255);
/// Titles and labels.
pub(super) const INK: Rgb = Rgb(32, 32, 32);
/// Second-rank text, axes and reference lines.
pub(super) const GREY: Rgb = Rgb(96, 96, 96);
/// Grid lines.
pub(super) const GRID: Rgb = Rgb(228, 228, 228);
/// Cells without a value.
pub(super) const MISSING: Rgb = Rgb(190, 190, 190);

/// The palette of Okabe and Ito, "Color Universal Design" (2008), without its yellow, which is
/// too faint for a line on white; the strongest contrasts first.
const SERIES: [Rgb; 7] = [
    Rgb(0, 114, 178),
    Rgb(213, 94, 0),
    Rgb(0, 158, 115),
    Rgb(204, 121, 167),
    Rgb(230, 159, 0),
    Rgb(86, 180, 233),
    Rgb(0, 0, 0),
];

/// The colour of series number `index`; they repeat after seven.
pub(super) fn series(index: usize) -> Rgb {
    SERIES[index % SERIES.len()]
}

/// The violet of an ordered set at `position` from 0, dark, to 1, light; none of them is near a
/// colour of [`series`].
pub(super) fn shade(position: f64) -> Rgb {
    let position = if position.is_finite() { position.clamp(0.0, 1.0) } else { 0.0 };
    from_oklab(0.26 + 0.50 * position, 0.045, -0.13)
}

impl Rgb {
    /// The colour mixed with `share` of white.
    pub(super) fn paler(self, share: f32) -> Self {
        let Self(red, green, blue) = self;
        let [red, green, blue] = [red, green, blue]
            .map(|value| (f32::from(value) * (1.0 - share) + 255.0 * share).round() as u8);
        Self(red, green, blue)
    }

    /// Whether white is easier to read on it than ink.
    pub(super) fn is_dark(self) -> bool {
        let Self(red, green, blue) = self;
        0.299 * f64::from(red) + 0.587 * f64::from(green) + 0.114 * f64::from(blue) < 128.0
    }
}

/// How a number becomes a colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ColourMap {
    /// Dark violet to yellow with steadily growing lightness, for magnitudes.
    #[default]
    Sequential,
    /// Blue over white to red, equally dark at equal distance from the middle, for signed values.
    Diverging,
}

impl ColourMap {
    /// The colour at `position` from 0 (lowest) to 1 (highest); beyond them that of the end.
    pub(super) fn at(self, position: f64) -> Rgb {
        let position = position.clamp(0.0, 1.0);
        match self {
            Self::Sequential => sequential(position),
            Self::Diverging => diverging(2.0 * position - 1.0),
        }
    }
}

/// Least-squares polynomials in the position for red, green and blue of matplotlib's viridis (by
/// N. Smith and S. van der Walt, CC0), constant term first; `scripts/reference/colour_map.py`.
const SEQUENTIAL: [[f64; 9]; 3] = [
    [
        0.262736,
        0.689506,
        -6.346676,
        13.805849,
        18.490099,
        -164.475208,
        335.765830,
        -285.086196,
        87.896440,
    ],
    [
        0.002958,
        1.580649,
        -2.632162,
        12.659721,
        -46.952177,
        99.085098,
        -112.583279,
        64.072256,
        -14.327338,
    ],
    [
        0.333353,
        1.156816,
        6.594890,
        -81.721399,
        336.507000,
        -727.361819,
        878.045154,
        -563.311351,
        149.904559,
    ],
];

fn sequential(position: f64) -> Rgb {
    let channel = |coefficients: &[f64; 9]| {
        let value = coefficients.iter().rev().fold(0.0, |sum, c| sum * position + c);
        (255.0 * value).round().clamp(0.0, 255.0) as u8
    };
    let [red, green, blue] = &SEQUENTIAL;
    Rgb(channel(red), channel(green), channel(blue))
}

/// Hues in Oklab (B. Ottosson, 2020), in radians: blue below zero, red above.
const HUES: [f64; 2] = [4.51, 0.50];

fn diverging(signed: f64) -> Rgb {
    let strength = signed.abs();
    let lightness = 0.985 - 0.515 * strength;
    let chroma = 0.165 * (1.0 - (1.0 - strength).powi(2)).powf(0.8);
    let hue = if signed < 0.0 { HUES[0] } else { HUES[1] };
    from_oklab(lightness, chroma * hue.cos(), chroma * hue.sin())
}

/// From Oklab to sRGB, with the matrices of its author.
fn from_oklab(lightness: f64, a: f64, b: f64) -> Rgb {
    let long = (lightness + 0.3963377774 * a + 0.2158037573 * b).powi(3);
    let medium = (lightness - 0.1055613458 * a - 0.0638541728 * b).powi(3);
    let short = (lightness - 0.0894841775 * a - 1.2914855480 * b).powi(3);
    let encode = |linear: f64| {
        let linear = linear.clamp(0.0, 1.0);
        let value = if linear <= 0.0031308 {
            12.92 * linear
        } else {
            1.055 * linear.powf(1.0 / 2.4) - 0.055
        };
        (255.0 * value).round() as u8
    };
    Rgb(
        encode(4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short),
        encode(-1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short),
        encode(-0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative luminance of `colour` (WCAG 2), from 0 (black) to 1 (white).
    fn luminance(colour: Rgb) -> f64 {
        let linear = |value: u8| {
            let value = f64::from(value) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * linear(colour.0) + 0.7152 * linear(colour.1) + 0.0722 * linear(colour.2)
    }

    /// `matplotlib.colormaps["viridis"](x)[:3]` times 255, at x = 0, 0.25, 0.5, 0.75, 1.
    #[test]
    fn the_sequential_map_follows_viridis() {
        let reference = [(68, 1, 84), (59, 82, 139), (33, 145, 140), (94, 201, 98), (253, 231, 37)];
        for (index, (red, green, blue)) in reference.into_iter().enumerate() {
            let Rgb(r, g, b) = ColourMap::Sequential.at(index as f64 / 4.0);
            for (got, expected) in [(r, red), (g, green), (b, blue)] {
                assert!((i32::from(got) - expected).abs() <= 4, "{index}: {got} {expected}");
            }
        }
    }

    #[test]
    fn the_sequential_map_grows_lighter_at_every_step() {
        let light = |i: usize| luminance(ColourMap::Sequential.at(i as f64 / 64.0));
        assert!((0..64).all(|i| light(i) < light(i + 1)));
    }

    #[test]
    fn shades_grow_lighter_and_are_apart_from_the_palette() {
        let light = |i: usize| luminance(shade(i as f64 / 8.0));
        assert!((0..8).all(|i| light(i) < light(i + 1)));
        let far = |a: Rgb, b: Rgb| a.0.abs_diff(b.0).max(a.1.abs_diff(b.1)).max(a.2.abs_diff(b.2));
        for position in [0.0, 0.33, 0.67, 1.0] {
            assert!((0..6).all(|i| far(shade(position), series(i)) >= 40), "{position}");
        }
    }

    #[test]
    fn text_on_a_cell_is_light_where_the_cell_is_dark() {
        assert!(
            ColourMap::Sequential.at(0.0).is_dark() && !ColourMap::Sequential.at(1.0).is_dark()
        );
        assert!(ColourMap::Diverging.at(0.0).is_dark() && !ColourMap::Diverging.at(0.5).is_dark());
        assert_eq!(INK.paler(1.0), WHITE);
    }

    #[test]
    fn the_diverging_map_is_as_dark_on_both_sides_and_white_between() {
        let Rgb(r, g, b) = ColourMap::Diverging.at(0.5);
        assert!(r > 245 && g > 245 && b > 245 && r.abs_diff(b) <= 2, "{r} {g} {b}");
        for step in 1..=32 {
            let distance = f64::from(step) / 64.0;
            let low = luminance(ColourMap::Diverging.at(0.5 - distance));
            let high = luminance(ColourMap::Diverging.at(0.5 + distance));
            assert!((low - high).abs() < 0.05, "{distance}: {low} {high}");
        }
    }
}
