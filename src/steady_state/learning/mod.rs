//! The task loss and how the granule cells' output weights learn: online LMS, gradient descent,
//! pre-training, and the stages of a sweep.

pub mod axes;
pub mod descent;
pub mod effects;
pub mod expansion_mask;
pub mod lms;
pub mod pretraining;
pub mod stage;
pub mod sweep;
pub mod task;
pub mod theory;
