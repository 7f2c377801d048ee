//! Figures as PNG images, with the data behind them.
