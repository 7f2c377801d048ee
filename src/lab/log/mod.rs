//! What a run says while it goes: metrics, `metrics.jsonl`, TensorBoard, the terminal.

pub mod console;
pub mod metrics;
pub mod run_log;
pub mod system;
pub mod tags;
pub mod tensorboard;

mod recall;
mod whole_lines;
