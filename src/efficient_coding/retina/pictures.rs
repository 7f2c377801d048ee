//! Pictures of filters, matrices and spectra, with their scales declared.

use anyhow::Result;
use tch::{Kind, Tensor};

use crate::efficient_coding::coding::covariances::Covariances;
use crate::efficient_coding::data::PatchShape;
use crate::lab::counts::summary_of;
use crate::lab::figure::{
    Cells, ColourScale, Drawing, Figure, LineFigure, MatrixFigure, Series, Tile, TilesFigure,
};
use crate::lab::tensor::to_host;

/// A figure with a name.
pub struct NamedFigure {
    /// The name of its file and its tag.
    pub name: &'static str,
    /// What it shows.
    pub figure: Figure,
    /// The data behind it, as CSV.
    pub csv: String,
}

impl NamedFigure {
    /// A figure with its own numbers behind it.
    pub fn new(name: &'static str, figure: &dyn Drawing) -> Self {
        Self { name, figure: figure.figure(), csv: figure.numbers() }
    }
}

/// What stands around a figure.
pub struct Caption<'a> {
    /// The first line above it.
    pub title: &'a str,
    /// The second line above it.
    pub subtitle: &'a str,
    /// What its colours are, with the unit.
    pub label: &'a str,
}

/// Rows and columns of a tile.
pub fn tile_size(patch: PatchShape) -> (usize, usize) {
    (patch.kernel as usize, (patch.kernel * patch.colours) as usize)
}

/// A patch as a tile, its colours side by side: L, M, S from the left.
///
/// - inputs: `[input]`
pub fn tile(inputs: &[f64], patch: PatchShape, label: String) -> Tile {
    let side = patch.kernel as usize;
    let row = |y: usize| {
        let planes = inputs.chunks_exact(side * side);
        planes.flat_map(move |plane| plane[y * side..(y + 1) * side].iter().copied())
    };
    Tile { label, values: (0..side).flat_map(row).collect() }
}

/// A picture of each column. Colours reach to the largest entry, or where a few are far beyond the
/// rest, to that of the rest.
///
/// - columns: `[input, neuron]`
///
/// # Errors
/// Where the device can't be read.
pub fn tiles(columns: &Tensor, patch: PatchShape, caption: &Caption) -> Result<TilesFigure> {
    let values = to_host::values(&columns.tr())?;
    let scale = ColourScale::symmetric_typical(&values, caption.label);
    let each = values.chunks_exact(patch.inputs() as usize);
    let tiles = each.map(|inputs| tile(inputs, patch, String::new())).collect();
    let columns = (columns.size()[1] as f64).sqrt().ceil() as usize;
    let (title, subtitle) = (caption.title.into(), caption.subtitle.into());
    Ok(TilesFigure { title, subtitle, size: tile_size(patch), columns, tiles, scale })
}

/// Each column divided by its own norm; a column of zeros stays so.
pub fn normalised(columns: &Tensor) -> Tensor {
    let norms = columns.norm_scalaropt_dim(2.0, 0, true);
    columns / norms.clamp_min(f64::from(f32::MIN_POSITIVE))
}

/// What a covariance is the mean of, by its tag.
pub fn average(tag: &str, batches: i64) -> String {
    match (tag, batches) {
        ("WCxW", _) => "no sample enters it".into(),
        (_, 1) => "one batch of the frozen model: no standard error".into(),
        _ => format!("{} of the frozen model", summary_of("mean", batches, "batch")),
    }
}

/// A matrix between neurons. Colours reach to the largest entry off the diagonal; what the diagonal
/// holds is said below the title.
///
/// # Errors
/// Where the device can't be read.
pub fn matrix(matrix: &Tensor, title: &str, how: &str, label: &str) -> Result<MatrixFigure> {
    let size = matrix.size()[0] as usize;
    let values: Vec<Vec<f64>> =
        to_host::values(matrix)?.chunks(size).map(<[f64]>::to_vec).collect();
    let diagonal: Vec<f64> = values.iter().enumerate().map(|(i, row)| row[i]).collect();
    let rows = values.iter().enumerate();
    let off: Vec<f64> = rows
        .flat_map(|(i, row)| row.iter().enumerate().filter(move |(j, _)| *j != i).map(|(_, v)| *v))
        .collect();
    let low = diagonal.iter().copied().fold(f64::INFINITY, f64::min);
    let high = diagonal.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    Ok(MatrixFigure {
        title: title.into(),
        subtitle: format!("{how}; diagonal {low:.3} to {high:.3}, colours for the rest"),
        row_axis: "neuron".into(),
        column_axis: "neuron".into(),
        rows: Cells::Numbered,
        columns: Cells::Numbered,
        scale: ColourScale::symmetric(&off, label),
        values,
    })
}

/// Eigenvalues of a symmetric matrix from the largest down: `[neuron]` f64, NaN where an entry of
/// the matrix is not finite, for which the decomposition would fail, and where it has not converged.
///
/// # Errors
/// Where libtorch can't begin to decompose it.
pub fn eigenvalues(matrix: &Tensor) -> Result<Tensor> {
    let matrix = matrix.to_kind(Kind::Double);
    let finite = matrix.isfinite().all();
    let values = match matrix.where_scalarother(&finite, 0.0).f_linalg_eigvalsh("L") {
        Ok(values) => values.flip([0]),
        Err(error) if error.to_string().contains("converge") => matrix.diagonal(0, 0, 1) * f64::NAN,
        Err(error) => return Err(error.into()),
    };
    Ok(values.where_scalarother(&finite, f64::NAN))
}

/// The eigenvalues of a frozen model's covariances.
///
/// # Errors
/// Where the device can't be read.
pub fn spectra(covariances: &Covariances) -> Result<LineFigure> {
    let mut series = Vec::new();
    for (label, matrix) in [
        ("W^T (C_x + noise) W", &covariances.filtered),
        ("C_z", &covariances.numerator.mean),
        ("C_zx", &covariances.denominator.mean),
    ] {
        let values = to_host::values(&eigenvalues(matrix)?)?;
        let ranks = (1..=values.len()).map(|rank| rank as f64).collect();
        series.push(Series::new(label, ranks, values));
    }
    Ok(LineFigure {
        title: "Eigenvalues of the covariances".into(),
        subtitle: format!("C_z and C_zx: {}", average("MI_numerator", covariances.batches)),
        x_label: "rank".into(),
        y_label: "eigenvalue".into(),
        y_log: true,
        series,
        ..Default::default()
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_matrix_that_is_not_finite_has_eigenvalues_that_are_not_numbers() {
        let matrix = Tensor::from_slice(&[2f32, 1.0, 1.0, 2.0]).view([2, 2]);
        let found = to_host::values(&eigenvalues(&matrix).unwrap()).unwrap();
        assert!((found[0] - 3.0).abs() < 1e-12 && (found[1] - 1.0).abs() < 1e-12, "{found:?}");
        for value in [f64::NAN, f64::INFINITY] {
            let bad = matrix.copy();
            let _ = bad.get(0).get(1).fill_(value);
            let found = to_host::values(&eigenvalues(&bad).unwrap()).unwrap();
            assert!(found.len() == 2 && found.iter().all(|value| value.is_nan()), "{found:?}");
        }
    }
}
