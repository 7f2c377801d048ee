//! TensorBoard event files: scalars, histograms, images, text, hyperparameters and chart layouts.
//!
//! An [`EventWriter`] is one file in a run folder. It encodes in place, on the caller's thread,
//! and every method returns what the disk said, so that a training loop can warn and go on.

mod earlier;
mod histogram;
mod hparams;
mod layout;
mod summary;
mod writer;

pub(super) use earlier::pictures_at;
pub use histogram::Histogram;
pub use layout::Chart;
pub use writer::{EVENTS, EventWriter};
