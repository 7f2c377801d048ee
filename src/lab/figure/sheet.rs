//! How large a figure is: as it comes on a screen, or as wide as a column of a journal.

use std::str::FromStr;

use anyhow::{Context, Result, ensure};

/// The paper that a figure is drawn on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sheet {
    /// Width in layout units; none for the figure's own.
    pub(super) width: Option<f32>,
    /// Height in layout units; none for what suits the width.
    pub(super) height: Option<f32>,
    /// How long a layout unit is.
    pub(super) unit: Unit,
}

/// How long a layout unit is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Unit {
    /// Points, of 1/72 inch, in a unit.
    pub points: f32,
    /// Pixels in a unit, where the figure becomes an image.
    pub pixels: f32,
    /// What such an image says of its resolution, in pixels a metre.
    pub pixels_per_metre: Option<u32>,
}

/// On a screen a unit is two pixels; as a vector figure it is a pixel of CSS, 1/96 inch.
const SCREEN: Unit = Unit { points: 0.75, pixels: 2.0, pixels_per_metre: None };
/// Pixels an inch of an image on paper.
const RESOLUTION: f32 = 600.0;
/// On paper the labels of ticks, of 11 units, have 7 points, and the names of axes 7.6: what
/// journals ask for is 5 to 8.
const PAPER: Unit = Unit {
    points: 7.0 / 11.0,
    pixels: RESOLUTION / POINTS_PER_INCH * 7.0 / 11.0,
    pixels_per_metre: Some((RESOLUTION / 0.0254) as u32),
};
const POINTS_PER_INCH: f32 = 72.0;

impl Sheet {
    /// The figure's own size: 1600 pixels or less across.
    pub const SCREEN: Self = Self { width: None, height: None, unit: SCREEN };

    /// Paper of this width, and of this height or what suits the width. Text has 7 points and more
    /// on it, however wide it is.
    pub fn paper(width: Length, height: Option<Length>) -> Self {
        let units = |length: Length| length.points / PAPER.points;
        Self { width: Some(units(width)), height: height.map(units), unit: PAPER }
    }

    /// Checks that enough of a sheet is left for what a figure shows: so much of its height for each of
    /// so many rows.
    ///
    /// # Errors
    /// Where that is not so.
    pub(super) fn check_room(&self, height: f32, rows: usize) -> Result<()> {
        let lacking = (LEAST_ROOM - height) * rows as f32;
        let more = (lacking * self.unit.points / UNITS[0].1).ceil();
        ensure!(height >= LEAST_ROOM, "the sheet is too low by {more} mm");
        Ok(())
    }
}

/// The least height of a plot with its axes, in layout units.
const LEAST_ROOM: f32 = 90.0;

/// A length on paper, as `86mm`, `8.6cm`, `3.4in` or `244pt`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Length {
    points: f32,
}

/// What a length may be, in millimetres: narrower than that nothing can be read, and larger is no
/// sheet of A3.
const LIMITS: (f32, f32) = (30.0, 420.0);
/// Units of length, with the points that each has.
const UNITS: [(&str, f32); 4] = [
    ("mm", POINTS_PER_INCH / 25.4),
    ("cm", POINTS_PER_INCH / 2.54),
    ("in", POINTS_PER_INCH),
    ("pt", 1.0),
];

impl FromStr for Length {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let known = UNITS.iter().find_map(|(name, points)| {
            let number = text.trim().strip_suffix(name)?.trim_end();
            Some(number.parse::<f32>().ok()? * points)
        });
        let points =
            known.context("expected a number and its unit: 86mm, 8.6cm, 3.4in or 244pt")?;
        let millimetres = points / UNITS[0].1;
        let (least, most) = LIMITS;
        // Rounding must not refuse the limits themselves.
        let fits = (least - 1e-3..=most + 1e-3).contains(&millimetres);
        ensure!(fits, "expected a length from {least}mm to {most}mm");
        Ok(Self { points })
    }
}

/// Width and height on paper, as `86mmx60mm` or `86x60mm`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Size {
    /// Width.
    pub width: Length,
    /// Height.
    pub height: Length,
}

impl FromStr for Size {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let (width, height) = text
            .split_once(['x', '×'])
            .context("expected a width and a height, as 86mmx60mm or 86x60mm")?;
        let unit: String = height.chars().filter(|character| character.is_alphabetic()).collect();
        let has_unit = width.contains(char::is_alphabetic);
        let width = if has_unit { width.into() } else { format!("{width}{unit}") };
        Ok(Self { width: width.parse()?, height: height.parse()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_have_units_and_limits() {
        let points = |text: &str| text.parse::<Length>().unwrap().points;
        let given = [("3.4in", 244.8), ("25.4 cm", 720.0), ("244pt", 244.0), ("30mm", 85.04)];
        for (text, expected) in given {
            assert!((points(text) - expected).abs() < 0.01, "{text}");
        }
        for wrong in ["", "86", "mm", "-86mm", "nanmm", "infmm", "86 parsecs", "29mm", "5in5in"] {
            assert!(wrong.parse::<Length>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_size_may_have_one_unit_for_both() {
        let size = |text: &str| text.parse::<Size>().unwrap();
        assert_eq!(size("86x60mm"), size("86mmx60mm"));
        assert_eq!(size("3.4×2in").height, "2in".parse().unwrap());
        for wrong in ["86mm", "86x60", "x", "86mmx", "86mmx60mmx3mm", "86mmx2000mm"] {
            assert!(wrong.parse::<Size>().is_err(), "{wrong}");
        }
    }
}
