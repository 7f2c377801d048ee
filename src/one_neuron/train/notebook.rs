//! The figures of the notebook: which curves each of them has.

use crate::one_neuron::learning::update::UpdateKind;
use crate::one_neuron::model::rule::GradientRule;

/// A figure of the notebook.
pub struct NotebookFigure {
    /// Name of its files.
    pub name: &'static str,
    /// Title.
    pub title: &'static str,
    /// Its curves.
    pub curves: &'static [NotebookCurve],
}

/// A curve of a figure of the notebook.
pub struct NotebookCurve {
    /// The update rule.
    pub optimizer: UpdateKind,
    /// The gradient's rule.
    pub gradient: GradientRule,
    /// Name in the legend.
    pub label: &'static str,
}

impl NotebookCurve {
    const fn new(optimizer: UpdateKind, gradient: GradientRule, label: &'static str) -> Self {
        Self { optimizer, gradient, label }
    }
}

/// The notebook's figures.
pub const NOTEBOOK: [NotebookFigure; 3] = [
    NotebookFigure {
        name: "given_modified",
        title: "SGD: the given gradient against the modified one",
        curves: &[
            NotebookCurve::new(UpdateKind::Sgd, GradientRule::Averaged, "given"),
            NotebookCurve::new(UpdateKind::Sgd, GradientRule::Correct, "modified"),
        ],
    },
    NotebookFigure {
        name: "before",
        title: "Before: every optimizer with the averaged gradient",
        curves: &[
            NotebookCurve::new(UpdateKind::Sgd, GradientRule::Averaged, "SGD"),
            NotebookCurve::new(UpdateKind::SgdPlus, GradientRule::AveragedX2, "SGD+"),
            NotebookCurve::new(UpdateKind::Adam, GradientRule::AveragedX2, "Adam"),
        ],
    },
    NotebookFigure {
        name: "after",
        title: "After: SGD as it was, SGD+ and Adam with the correct gradient",
        curves: &[
            NotebookCurve::new(UpdateKind::Sgd, GradientRule::Averaged, "SGD"),
            NotebookCurve::new(UpdateKind::SgdPlus, GradientRule::Correct, "SGD+"),
            NotebookCurve::new(UpdateKind::Adam, GradientRule::Correct, "Adam"),
        ],
    },
];
