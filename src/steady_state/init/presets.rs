//! Named sets of values.

use crate::lab::Preset;

/// The experiment has no presets: its defaults are what it is for.
pub const PRESETS: &[Preset] = &[];
