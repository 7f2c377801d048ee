//! The reference trajectories of some seeds, whatever law they are drawn from.

use anyhow::Result;
use tch::{Device, Tensor};

use super::kind::ReferenceKind;
use super::ou::OuPath;
use super::sinusoids::Sinusoids;

/// What a reference is drawn from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReferenceSpec {
    /// The law of the reference.
    pub kind: ReferenceKind,
    /// Cut-off frequency, rad/s or Hz as [`ReferenceKind::in_hertz`] says.
    pub cutoff: f64,
    /// How far a random path must be drawn, s. A sum of sinusoids is known at all times.
    pub seconds: f64,
}

/// The references of some seeds.
#[derive(Debug)]
pub enum Reference {
    /// Sums of sinusoids.
    Sinusoids(Sinusoids),
    /// Paths of a random process.
    OuPath(OuPath),
}

impl Reference {
    /// Draws the references of some seeds.
    ///
    /// # Errors
    /// Fails if libtorch can't give back the random numbers that it has drawn.
    pub fn draw(spec: &ReferenceSpec, seeds: &[u64]) -> Result<Self> {
        let ReferenceSpec { kind, cutoff, seconds } = *spec;
        Ok(match kind {
            ReferenceKind::Ou => Self::OuPath(OuPath::draw(cutoff, seconds, seeds)?),
            ReferenceKind::Sines
            | ReferenceKind::SinesPhase
            | ReferenceKind::SinesZero
            | ReferenceKind::FourierOu
            | ReferenceKind::White => Self::Sinusoids(Sinusoids::draw(kind, cutoff, seeds)?),
        })
    }

    /// The reference r(t) and its copies r(t + lead).
    ///
    /// # Shapes
    /// - time: `[time]`, s
    /// - leads: s
    /// - returns: `[seed, time, 1 + lead]`, r(t) first
    pub fn with_leads(&self, time: &Tensor, leads: &[f64]) -> Tensor {
        match self {
            Self::Sinusoids(sinusoids) => sinusoids.with_leads(time, leads),
            Self::OuPath(path) => path.with_leads(time, leads),
        }
    }

    /// The references of the seeds from index `start` on.
    pub fn narrow(&self, start: i64, length: i64) -> Self {
        match self {
            Self::Sinusoids(sinusoids) => Self::Sinusoids(sinusoids.narrow(start, length)),
            Self::OuPath(path) => Self::OuPath(path.narrow(start, length)),
        }
    }

    /// A copy of the references on a device.
    pub fn to_device(&self, device: Device) -> Self {
        match self {
            Self::Sinusoids(sinusoids) => Self::Sinusoids(sinusoids.to_device(device)),
            Self::OuPath(path) => Self::OuPath(path.to_device(device)),
        }
    }

    /// The tensors that define the references, by name.
    pub fn tensors(&self) -> Vec<(&'static str, &Tensor)> {
        match self {
            Self::Sinusoids(Sinusoids { amplitude, omega, phase }) => {
                vec![("amplitude", amplitude), ("omega", omega), ("phase", phase)]
            }
            Self::OuPath(path) => vec![("path", &path.values)],
        }
    }
}
