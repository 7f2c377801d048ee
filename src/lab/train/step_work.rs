//! What a step asks for, by which `--device auto` decides where a run computes.
//!
//! The rule and where its constants come from are in `docs/performance.md`. Its GPU side is launch
//! counts and a published cost of each: no GPU was measured.

/// Floating-point operations in matrix products that one thread of a CPU does in a second, counted as
/// [`StepWork::training`] does: what the steps of `docs/performance.md` reach.
pub const PRODUCT_FLOPS: f64 = 70e9;

/// Seconds that an operator takes until a GPU has been given it, however few numbers it has.
pub const LAUNCH_SECONDS: f64 = 10e-6;

/// What one step asks for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum StepWork {
    /// Plain code of the CPU, for this reason.
    OnHost(&'static str),
    /// libtorch's operators, which either device can do.
    Operators {
        /// Seconds that one thread of a CPU takes for them, about.
        cpu_seconds: f64,
        /// Operators that a GPU is given, one after another.
        launches: f64,
    },
}

impl StepWork {
    /// Matrix products and what comes with them.
    ///
    /// - flops: floating-point operations of the products
    /// - launches: operators in all
    pub fn products(flops: f64, launches: f64) -> Self {
        Self::Operators { cpu_seconds: flops / PRODUCT_FLOPS, launches }
    }

    /// Gradient descent of dense layers: two operations for each parameter and sample forward, four
    /// backward.
    ///
    /// - parameters: of all models that are trained at once
    /// - samples: in a batch
    /// - launches: operators in all
    pub fn training(parameters: i64, samples: i64, launches: f64) -> Self {
        Self::products(6.0 * parameters as f64 * samples as f64, launches)
    }

    /// Why a run computes on the CPU where there is a GPU as well, and what to type to have it
    /// otherwise; none where the GPU is the faster one.
    ///
    /// - threads: those that the CPU would compute with
    pub fn stays_on_cpu(self, threads: u16) -> Option<String> {
        match self {
            Self::OnHost(reason) => Some(format!("computing on the CPU: {reason}")),
            Self::Operators { cpu_seconds, launches } => {
                let cpu = cpu_seconds / f64::from(threads.max(1));
                let gpu = launches * LAUNCH_SECONDS;
                (cpu <= gpu).then(|| {
                    format!(
                        "computing on the CPU: a step is about {:.3} ms of work for it, and its \
                         {launches:.0} launches would take a GPU {:.3} ms; --device cuda:0 has it \
                         computed there",
                        cpu * 1e3,
                        gpu * 1e3
                    )
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gpu_is_taken_from_the_break_even_on() {
        // 100 launches are 1 ms, which is 70 million operations on one thread.
        let stays = |flops: f64, threads| StepWork::products(flops, 100.0).stays_on_cpu(threads);
        assert!(stays(69.9e6, 1).is_some());
        assert!(stays(70e6, 1).is_some(), "at equal times nothing is won");
        assert!(stays(70.1e6, 1).is_none());
        assert!(stays(139.9e6, 2).is_some());
        assert!(stays(140.1e6, 2).is_none());
        assert_eq!(StepWork::training(1000, 50, 7.0), StepWork::products(3e5, 7.0));
    }

    #[test]
    fn one_line_says_why_and_how_to_have_it_otherwise() {
        let said = StepWork::products(7e6, 76.0).stays_on_cpu(1).unwrap();
        assert!(said.contains("0.100 ms") && said.contains("76 launches"), "{said}");
        assert!(said.contains("0.760 ms") && said.contains("--device cuda:0"), "{said}");
        assert!(!said.contains('\n'));
        let said = StepWork::OnHost("two numbers").stays_on_cpu(64);
        assert_eq!(said.as_deref(), Some("computing on the CPU: two numbers"));
    }
}
