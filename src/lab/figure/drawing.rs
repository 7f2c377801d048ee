//! What every figure can do: draw itself, and give the numbers behind it.

use anyhow::Result;

use super::image::RgbImage;
use super::line::LineFigure;
use super::matrix::MatrixFigure;
use super::panels::Panels;
use super::tiles::TilesFigure;

/// A figure, for who keeps it without knowing its kind.
pub trait Drawing {
    /// The picture.
    ///
    /// # Errors
    /// Where what it is to show does not fit together.
    fn draw(&self) -> Result<RgbImage>;

    /// The numbers behind it, as a table.
    fn numbers(&self) -> String;
}

/// Implements [`Drawing`] by a figure's own methods.
macro_rules! drawing {
    ($($figure:ty),*) => {
        $(impl Drawing for $figure {
            fn draw(&self) -> Result<RgbImage> {
                self.render()
            }

            fn numbers(&self) -> String {
                self.to_csv()
            }
        })*
    };
}

drawing!(LineFigure, MatrixFigure, Panels, TilesFigure);
