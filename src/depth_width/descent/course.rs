//! The losses of one descent, and what they say.

use super::point::Point;

/// The losses of one network over its first steps.
#[derive(Debug, Clone)]
pub struct Course {
    /// The mean cross-entropy in nats before the first step and after each step: `[step + 1]`.
    pub losses: Vec<f64>,
}

impl Course {
    /// What the loss has come down by at the end.
    pub fn decrease(&self) -> f64 {
        self.start() - self.losses[self.losses.len() - 1]
    }

    /// The largest loss after any step; infinite where one is not finite.
    pub fn peak(&self) -> f64 {
        let finite = |loss: &f64| if loss.is_finite() { *loss } else { f64::INFINITY };
        self.losses[1..].iter().map(finite).fold(0.0, f64::max)
    }

    /// Whether it explodes: after some step the loss is a tenth or more above its start, which the
    /// wobble of a network that learns nothing is not.
    pub fn explodes(&self) -> bool {
        self.peak() > 1.1 * self.start()
    }

    /// The loss before the first step.
    pub fn start(&self) -> f64 {
        self.losses[0]
    }
}

/// What was found of one point.
#[derive(Debug, Clone)]
pub struct PointResult {
    /// The point.
    pub point: Point,
    /// The course of each seed.
    pub courses: Vec<Course>,
}

impl PointResult {
    /// The loss of each seed after this many steps.
    pub fn losses_after(&self, step: usize) -> Vec<f64> {
        self.courses.iter().map(|course| course.losses[step]).collect()
    }

    /// The share of the seeds whose descent explodes.
    pub fn explosion_share(&self) -> f64 {
        let exploding = self.courses.iter().filter(|course| course.explodes()).count();
        exploding as f64 / self.courses.len() as f64
    }
}

/// The smallest width from which on most seeds explode, of (width, share of seeds that explode) in
/// the order of widths; none where the widest does not.
pub fn boundary(shares: &[(i64, f64)]) -> Option<i64> {
    let wide = shares.iter().rev().take_while(|(_, share)| *share > 0.5);
    wide.last().map(|(width, _)| *width)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_explosion_is_a_loss_well_above_the_start() {
        let course = |losses: &[f64]| Course { losses: losses.to_vec() };
        assert!(!course(&[2.3, 2.0, 1.5]).explodes());
        assert!((course(&[2.3, 2.0, 1.5]).decrease() - 0.8).abs() < 1e-12);
        assert!(course(&[2.3, 2.6, 0.1]).explodes());
        assert!(!course(&[2.3, 2.4, 2.3]).explodes());
        assert!(course(&[2.3, f64::NAN, f64::NAN]).explodes());
        assert!(course(&[2.3, f64::INFINITY]).peak().is_infinite());
    }

    #[test]
    fn the_boundary_is_where_all_wider_ones_explode() {
        assert_eq!(boundary(&[(16, 0.0), (32, 1.0), (64, 0.0), (128, 0.7), (256, 1.0)]), Some(128));
        assert_eq!(boundary(&[(16, 1.0), (32, 0.0)]), None);
        assert_eq!(boundary(&[(16, 0.6), (32, 1.0)]), Some(16));
    }
}
