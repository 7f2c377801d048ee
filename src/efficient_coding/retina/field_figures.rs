//! Figures of a population: its fields side by side, their profiles, and their mosaics.

use std::f64::consts::TAU;

use super::pictures::{NamedFigure, tile, tile_size};
use crate::efficient_coding::data::PatchShape;
use crate::efficient_coding::fields::{Analysis, CellType, Disc};
use crate::lab::figure::{ColourScale, LineFigure, Series, TilesFigure};
use crate::lab::statistics::mean_and_sd;

/// Colours of the palette for types of ON fields, warm, and of OFF fields, cold.
const COLOURS: [[usize; 3]; 2] = [[1, 4, 3], [0, 5, 2]];
const BLACK: usize = 6;

/// Draws `receptive_fields` (whose data are the table of all neurons), `profiles` and `mosaic`.
///
/// - filters: `[neuron][input]`
pub fn draw(analysis: &Analysis, filters: &[Vec<f64>], patch: PatchShape) -> Vec<NamedFigure> {
    let tiles = tiles(analysis, filters, patch);
    let (profiles, mosaic) = (profiles(analysis), mosaic(analysis, patch));
    let csv = analysis.to_csv();
    vec![
        NamedFigure { csv, ..NamedFigure::new("receptive_fields", &tiles) },
        NamedFigure::new("profiles", &profiles),
        NamedFigure::new("mosaic", &mosaic),
    ]
}

fn colour(analysis: &Analysis, found: &CellType) -> usize {
    let same = analysis.types.iter().filter(|other| other.on == found.on);
    let number = same.take_while(|other| other.name != found.name).count();
    COLOURS[usize::from(!found.on)][number % 3]
}

/// Every filter, type by type; those without a type come last.
fn tiles(analysis: &Analysis, filters: &[Vec<f64>], patch: PatchShape) -> TilesFigure {
    let colours = patch.colours;
    let mut order: Vec<usize> =
        analysis.types.iter().flat_map(|found| found.members.iter().copied()).collect();
    order.extend((0..filters.len()).filter(|i| analysis.type_of(*i) == "-"));
    let named = filters.len() <= 40;
    let one = |i: &usize| {
        let label = if named { analysis.type_of(*i).to_string() } else { String::new() };
        tile(&filters[*i], patch, label)
    };
    let weights: Vec<f64> = filters.iter().flatten().copied().collect();
    let each: Vec<String> = analysis
        .types
        .iter()
        .map(|found| format!("{} {}", found.members.len(), found.name))
        .collect();
    let rest = order.len() - analysis.types.iter().map(|t| t.members.len()).sum::<usize>();
    let counts = [each, vec![format!("{rest} that no difference of Gaussians fits")]].concat();
    let planes = if colours > 1 { "; L, M and S side by side" } else { "" };
    TilesFigure {
        title: "Receptive fields, type by type".into(),
        subtitle: format!("{}{planes}", counts.join(", ")),
        size: tile_size(patch),
        columns: ((filters.len() as f64 / colours as f64).sqrt().ceil() as usize).clamp(1, 20),
        tiles: order.iter().map(one).collect(),
        scale: ColourScale::symmetric_for(0.995, &weights, "weight"),
    }
}

/// Mean radial profile of every type, with its spread.
fn profiles(analysis: &Analysis) -> LineFigure {
    let series = |found: &CellType| {
        let rings = analysis.fields[found.members[0]].profile.len();
        let at = |ring: usize| -> (f64, f64) {
            let all: Vec<f64> =
                found.members.iter().map(|i| analysis.fields[*i].profile[ring]).collect();
            mean_and_sd(&all)
        };
        let (mean, sd): (Vec<f64>, Vec<f64>) = (0..rings).map(at).unzip();
        let edge = |sign: f64| mean.iter().zip(&sd).map(|(m, s)| m + sign * s).collect();
        let label = format!("{} ({})", found.name, found.members.len());
        let x = (0..rings).map(|ring| ring as f64).collect();
        Series { colour: Some(colour(analysis, found)), ..Series::new(&label, x, mean.clone()) }
            .with_band(edge(-1.0), edge(1.0))
    };
    LineFigure {
        title: "Radial profiles".into(),
        subtitle: "mean of each type, its sign taken out; the band is one standard deviation"
            .into(),
        x_label: "distance from the centre, pixels".into(),
        y_label: "weight over the largest".into(),
        series: analysis.types.iter().map(series).collect(),
        references: vec![crate::lab::figure::Reference { label: String::new(), value: 0.0 }],
        ..Default::default()
    }
}

/// Every fitted field as a circle at half of its height, in the disc of the patch.
fn mosaic(analysis: &Analysis, patch: PatchShape) -> LineFigure {
    let disc = Disc::of(patch.kernel);
    let circle = |[row, column]: [f64; 2], radius: f64| -> Vec<(f64, f64)> {
        let angles = (0..=48).map(|i| TAU * f64::from(i) / 48.0);
        let (x, y) = (column - disc.middle, disc.middle - row);
        angles.map(|a| (x + radius * a.cos(), y + radius * a.sin())).collect()
    };
    let series = |label: &str, colour: usize, points: Vec<(f64, f64)>| {
        let (x, y) = points.into_iter().unzip();
        Series { colour: Some(colour), ..Series::new(label, x, y) }
    };
    let outline = circle([disc.middle; 2], disc.radius);
    let mut all = vec![Series { dashed: true, ..series("patch", BLACK, outline) }];
    for found in &analysis.types {
        let mut points = Vec::new();
        for field in found.members.iter().map(|i| &analysis.fields[*i]) {
            points.extend(circle(field.centre, field.fit.half_radius()));
            points.push((f64::NAN, f64::NAN));
        }
        all.push(series(&found.name, colour(analysis, found), points));
    }
    let index = |which: usize| {
        analysis.regularity[which].map_or("-".to_string(), |found| {
            format!("{:.2} ({:.2})", found.index.value, found.index.chance)
        })
    };
    let apart = analysis.alignment.map_or("-".to_string(), |found| {
        format!("{:.2} ({:.2} ± {:.2}) px", found.value, found.chance, found.chance_sd)
    });
    LineFigure {
        title: "Mosaics: fields at half of their height".into(),
        subtitle: format!(
            "Regularity (by chance): ON {}, OFF {}. ON to nearest OFF (turned at random): {apart}",
            index(0),
            index(1)
        ),
        x_label: "pixels from the middle".into(),
        y_label: "pixels from the middle".into(),
        equal_units: true,
        series: all,
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::efficient_coding::fields::analyse;
    use crate::efficient_coding::fields::tests::{PATCH, population};
    use crate::lab::figure::{Drawing, Sheet};

    #[test]
    fn figures_are_drawn_for_any_population() {
        tch::set_num_threads(1);
        let (filters, _) = population();
        let mono: Vec<Vec<f64>> = filters.iter().take(3).cloned().collect();
        let grey = PatchShape { kernel: 18, colours: 3, masked: true };
        let colour: Vec<Vec<f64>> =
            filters.iter().map(|w| [w.as_slice(), w, w].concat()).take(9).collect();
        let flat = vec![vec![0.0; 324]; 2];
        for (filters, patch) in [(mono, PATCH), (colour, grey), (flat, PATCH)] {
            let analysis = analyse(&filters, patch, 0).unwrap();
            let drawn = draw(&analysis, &filters, patch);
            assert_eq!(drawn.len(), 3);
            assert!(drawn.iter().all(|drawn| !drawn.csv.is_empty()));
            assert!(drawn.iter().all(|drawn| drawn.figure.picture(&Sheet::SCREEN).is_ok()));
        }
    }
}
