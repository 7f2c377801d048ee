//! Data sets: loaders and their checks.
