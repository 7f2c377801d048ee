//! What every figure can do: be laid out on a sheet, give the numbers behind it, and become data
//! that it can be drawn from again.

use anyhow::Result;
use serde::{Deserialize, Serialize};

use super::image::RgbImage;
use super::line::LineFigure;
use super::matrix::MatrixFigure;
use super::panels::Panels;
use super::picture::Picture;
use super::sheet::Sheet;
use super::tiles::TilesFigure;

/// A figure, for who keeps it without knowing its kind.
pub trait Drawing {
    /// The figure on a sheet.
    ///
    /// # Errors
    /// Where what it is to show does not fit together, or the sheet has no room for it.
    fn picture(&self, sheet: &Sheet) -> Result<Picture>;

    /// The numbers behind it, as a table.
    fn numbers(&self) -> String;

    /// Everything that it is drawn from.
    fn figure(&self) -> Figure;
}

/// Makes the enum of all kinds of figures, and implements [`Drawing`] for each by its own methods.
macro_rules! figures {
    ($($(#[$doc:meta])* $kind:ident($figure:ty)),* $(,)?) => {
        /// A figure of any kind, as data: what `figures/<name>.json` in a run folder holds.
        #[derive(Debug, Clone, Serialize, Deserialize)]
        #[serde(tag = "kind", rename_all = "kebab-case")]
        pub enum Figure {
            $($(#[$doc])* $kind($figure),)*
        }

        impl Drawing for Figure {
            fn picture(&self, sheet: &Sheet) -> Result<Picture> {
                match self {
                    $(Self::$kind(figure) => figure.laid_out(sheet),)*
                }
            }

            fn numbers(&self) -> String {
                match self {
                    $(Self::$kind(figure) => figure.to_csv(),)*
                }
            }

            fn figure(&self) -> Figure {
                self.clone()
            }
        }

        $(impl Drawing for $figure {
            fn picture(&self, sheet: &Sheet) -> Result<Picture> {
                self.laid_out(sheet)
            }

            fn numbers(&self) -> String {
                self.to_csv()
            }

            fn figure(&self) -> Figure {
                Figure::$kind(self.clone())
            }
        }

        impl $figure {
            /// Draws the figure in its own size, at most 1600 pixels wide.
            ///
            /// # Errors
            /// Where what it is to show does not fit together.
            pub fn render(&self) -> Result<RgbImage> {
                self.laid_out(&Sheet::SCREEN)?.image()
            }
        })*
    };
}

figures!(
    /// Curves over common axes.
    Line(LineFigure),
    /// A matrix with a colour scale.
    Matrix(MatrixFigure),
    /// Line figures side by side.
    Panels(Panels),
    /// Small pictures side by side.
    Tiles(TilesFigure),
);
