//! What each constraint descends along.
//!
//! Every one of them is -KL/2 with the gradient of each neuron's excess h added to some amount c:
//!
//! ```text
//! lagrange          c = lambda + rho h            for W, gain, threshold; lambda climbs by h
//! pi                c = the controller's output   for W, gain, threshold
//! none, gamma       c = 0                         for W, threshold (none: gain)
//! two-losses        c = 0; 2 h where it leaks     for W; gain and threshold descend sum of h^2
//! project           c removes the tangent gradient's part along that of h, for W
//! total-derivative  c = (dKL/dlog gain) / (dh/dlog gain) / 2, for W
//! exact             as total-derivative, for W and threshold, at the gain where h = 0
//! ```

use tch::{Kind, Tensor};

use super::constraint::{Constraint, Variant};
use super::gradient::{BatchPass, Gradient};
use super::information::Information;

/// Weight of KL in the loss.
pub const KL_WEIGHT: f64 = -0.5;

/// The gradients of a step; what is none is not moved by an optimizer in it.
pub struct Direction {
    /// The gradient of the filters' loss by the filters: `[input, neuron]`.
    pub filters: Option<Tensor>,
    /// The gradient by the log of the gain: `[neuron]`.
    pub log_gain: Option<Tensor>,
    /// The gradient by the log of the threshold: `[neuron]`.
    pub log_threshold: Option<Tensor>,
    /// The gradient by the multipliers: `[neuron]`.
    pub multiplier: Option<Tensor>,
    /// What was computed and thrown away, and counts where gradients are clipped by their norm.
    pub discarded: Vec<Tensor>,
}

/// A constraint with what it descends along.
pub struct ConstraintRule {
    /// Which constraint it is.
    pub constraint: Constraint,
    /// The variant of two-losses; none for every other constraint.
    pub variant: Option<Variant>,
    /// Weight of the penalty.
    pub rho: f64,
}

impl ConstraintRule {
    /// Whether gains and thresholds take a step of their own at this step.
    pub fn moves_rates(&self, step: u64) -> bool {
        self.constraint.has_rate_loss() && (!self.alternates() || step.is_multiple_of(2))
    }

    /// Whether the filters take a step at this step.
    pub fn moves_filters(&self, step: u64) -> bool {
        !self.alternates() || !step.is_multiple_of(2)
    }

    fn alternates(&self) -> bool {
        match self.variant {
            Some(Variant::Alternate) => true,
            Some(Variant::Leak | Variant::Clean) | None => false,
        }
    }

    /// The loss that the filters descend in a step, with what a formula gives held as it is: `[]`.
    /// The total derivatives and the projection descend -KL/2 along the rates that they keep.
    ///
    /// - multiplier: as [`ConstraintRule::direction`] has it
    pub fn loss(
        &self,
        pass: &BatchPass,
        information: &Information,
        multiplier: Option<&Tensor>,
    ) -> Tensor {
        let (bits, h) = (information.kl().mean(None::<Kind>) * KL_WEIGHT, pass.excess());
        match (self.constraint, multiplier) {
            (Constraint::Lagrange, Some(multiplier)) => {
                bits + (&h * (self.rho / 2.0) + multiplier).dot(&h)
            }
            (Constraint::Pi, Some(multiplier)) => bits + multiplier.dot(&h),
            (Constraint::TwoLosses, _) => match self.variant {
                Some(Variant::Leak) => bits + h.dot(&h),
                Some(Variant::Alternate | Variant::Clean) | None => bits,
            },
            (Constraint::Lagrange | Constraint::Pi, None) => bits,
            (Constraint::None | Constraint::GammaV1 | Constraint::GammaV2, _) => bits,
            (Constraint::Project | Constraint::TotalDerivative | Constraint::Exact, _) => bits,
        }
    }

    /// The gradients of a step.
    ///
    /// - multiplier: lambda, or the controller's output: `[neuron]`, where there is one
    pub fn direction(
        &self,
        pass: &BatchPass,
        information: &Information,
        multiplier: Option<&Tensor>,
        step: u64,
    ) -> Direction {
        let h = pass.excess();
        let zero = || h.zeros_like();
        let multiplier = || multiplier.map_or_else(zero, Tensor::shallow_clone);
        let along = |c: &Tensor| pass.combined(information, KL_WEIGHT, c);
        match self.constraint {
            Constraint::Lagrange => {
                let whole = along(&(multiplier() + &h * self.rho));
                Direction { multiplier: Some(-h), ..joint(whole) }
            }
            Constraint::Pi => joint(along(&multiplier())),
            Constraint::None => joint(along(&zero())),
            Constraint::GammaV1 | Constraint::GammaV2 => {
                Direction { log_gain: None, ..joint(along(&zero())) }
            }
            Constraint::Exact => {
                let whole = along(&price(pass, information));
                Direction { log_gain: None, ..joint(whole) }
            }
            Constraint::TwoLosses => self.separate(pass, step, || match self.variant {
                Some(Variant::Leak) => along(&(&h * 2.0)),
                Some(Variant::Alternate | Variant::Clean) | None => along(&zero()),
            }),
            Constraint::Project => self.separate(pass, step, || projected(pass, information)),
            Constraint::TotalDerivative => {
                self.separate(pass, step, || along(&price(pass, information)))
            }
        }
    }

    /// The filters along the loss whose gradient `of_filters` computes, gains and thresholds along
    /// the sum of h^2.
    fn separate(
        &self,
        pass: &BatchPass,
        step: u64,
        of_filters: impl FnOnce() -> Gradient,
    ) -> Direction {
        let whole = self.moves_filters(step).then(of_filters);
        let twice = pass.excess() * 2.0;
        let rates = self.moves_rates(step).then(|| pass.activity_by_scalars(&twice));
        let (log_gain, log_threshold) = rates.unzip();
        let thrown_away = match self.variant {
            Some(Variant::Alternate | Variant::Leak) => true,
            Some(Variant::Clean) | None => false,
        };
        let discarded = match &whole {
            Some(whole) if thrown_away => vec![whole.log_gain.copy(), whole.log_threshold.copy()],
            _ => Vec::new(),
        };
        let filters = whole.map(|whole| whole.filters);
        Direction { filters, log_gain, log_threshold, multiplier: None, discarded }
    }
}

/// One gradient for everything that learns but the multipliers.
fn joint(whole: Gradient) -> Direction {
    Direction {
        filters: Some(whole.filters),
        log_gain: Some(whole.log_gain),
        log_threshold: Some(whole.log_threshold),
        multiplier: None,
        discarded: Vec::new(),
    }
}

/// What a unit of h costs in KL/2 when the gain pays for it: `[neuron]`.
fn price(pass: &BatchPass, information: &Information) -> Tensor {
    let bits = information.weighted_per_log_slope(-KL_WEIGHT).mean_dim(0, false, None::<Kind>);
    bits / pass.activity_per_log_gain()
}

/// -KL/2 with each filter's gradient projected off that of its h, both on the sphere where filters
/// live: to first order the step leaves every mean rate as it is.
fn projected(pass: &BatchPass, information: &Information) -> Gradient {
    let mut kl = pass.kl_gradient(information);
    let h = pass.tangent(&pass.activity_gradient().filters);
    let along = pass.tangent(&kl.filters);
    kl.filters = (&along - component_along(&along, &h)) * KL_WEIGHT;
    kl
}

/// The component of each column of `a` along that of `b`: `[input, neuron]`.
pub fn component_along(a: &Tensor, b: &Tensor) -> Tensor {
    let dot = |x: &Tensor, y: &Tensor| (x * y).sum_dim_intlist(0, true, None::<Kind>);
    // A rate that no direction changes leaves nothing to project off.
    b * (dot(a, b) / dot(b, b).clamp_min(f64::from(f32::MIN_POSITIVE)))
}
