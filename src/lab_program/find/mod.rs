//! From folders on disk to runs: where they are, what each says, and which were asked for.

pub mod filter;
pub mod layout;
pub mod lookup;
pub mod run;
pub mod scan;
mod tail;
