//! From losses and weights to speeds, steady states, fits and minima of every run and network.

pub mod fit;
pub mod initialisation;
pub mod mean_update;
pub mod networks;
pub mod results;
pub mod runs;
pub mod speed;
pub mod stationarity;
