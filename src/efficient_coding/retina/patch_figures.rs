//! What patches look like, and how their variance is spread.

use anyhow::Result;

use super::pictures::{NamedFigure, eigenvalues, tile, tile_size};
use crate::efficient_coding::data::{PatchShape, PatchSource, Purpose};
use crate::lab::figure::{ColourScale, LineFigure, Series, TilesFigure};
use crate::lab::tensor::to_host;

/// Patches that are shown.
const SHOWN: i64 = 60;

/// Draws some `patches`, and the `input_spectrum`: the eigenvalues of their covariance.
///
/// # Errors
/// Where patches can't be drawn, or a covariance has no eigenvalues.
pub fn draw(source: &dyn PatchSource, patch: PatchShape, seed: u64) -> Result<Vec<NamedFigure>> {
    let name = source.provenance()["name"].as_str().unwrap_or_default().to_string();
    let (patches, spectrum) = (patches(source, patch, seed, &name)?, spectrum(source, &name)?);
    Ok(vec![NamedFigure::new("patches", &patches), NamedFigure::new("input_spectrum", &spectrum)])
}

fn patches(
    source: &dyn PatchSource,
    patch: PatchShape,
    seed: u64,
    name: &str,
) -> Result<TilesFigure> {
    let values = to_host::values(&source.patches(Purpose::Training, SHOWN, seed, "shown", 0)?)?;
    let colours = patch.colours;
    let planes = if colours > 1 { "; L, M and S side by side" } else { "" };
    Ok(TilesFigure {
        title: format!("Patches: {name}"),
        subtitle: format!("{SHOWN} drawn at random, less their mean{planes}"),
        size: tile_size(patch),
        columns: if colours > 1 { 5 } else { 12 },
        tiles: values
            .chunks_exact(patch.inputs() as usize)
            .map(|inputs| tile(inputs, patch, String::new()))
            .collect(),
        scale: ColourScale::symmetric_for(0.99, &values, "standard deviations"),
    })
}

fn spectrum(source: &dyn PatchSource, name: &str) -> Result<LineFigure> {
    let values = to_host::values(&eigenvalues(&source.covariance()?)?)?;
    let ranks = (1..=values.len()).map(|rank| rank as f64).collect();
    let total: f64 = values.iter().sum();
    Ok(LineFigure {
        title: format!("Variance of patches: {name}"),
        subtitle: format!("eigenvalues of their covariance; they add up to {total:.1}"),
        x_label: "rank".into(),
        y_label: "variance".into(),
        x_log: true,
        y_log: true,
        // What the dark corners of the mask hold is far below any noise.
        y_range: values.first().map(|first| (1e-5 * first, 2.0 * first)),
        series: vec![Series::new("", ranks, values)],
        ..Default::default()
    })
}
