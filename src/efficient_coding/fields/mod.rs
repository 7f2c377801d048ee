//! Receptive fields of a trained model: what each filter is, and how filters tile space.

mod analysis;
mod command;
mod field;
pub mod figures;
mod fit;
mod mosaic;
mod types;

pub use analysis::{Analysis, CellType, analyse};
pub use command::{asked, columns, command, report};
pub use field::{Field, radial_profile};
pub use fit::{Fit, GATE, fit};
pub use mosaic::{Compared, Disc, Place, Regularity, alignment, coverage, regularity};
pub use types::groups;

#[cfg(test)]
mod tests;
