//! What is done with runs afterwards: they are labelled, packed away and removed.

pub mod archive;
pub mod export;
pub mod label;
mod parts;
pub mod remove;
