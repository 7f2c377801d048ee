//! Plain networks, and the first steps of their descent.

pub mod course;
pub mod network;
pub mod point;

pub use course::{Course, PointResult, boundary};
pub use network::{Examples, descend};
pub use point::{Init, Point};
