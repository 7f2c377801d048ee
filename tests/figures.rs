//! Figures show what they were given, and say what they can't show.

#![allow(clippy::unwrap_used)]

use neuron_lab::lab::figure::{
    ColourMap, ColourScale, LineFigure, MatrixFigure, Panels, RgbImage, Series, Tile, TilesFigure,
};

const DARK: [u8; 3] = [68, 1, 84];
const LIGHT: [u8; 3] = [253, 231, 37];
const GREY: [u8; 3] = [190, 190, 190];

/// How many pixels are within 4 of a colour.
fn count(image: &RgbImage, colour: [u8; 3]) -> usize {
    let near = |pixel: &&[u8]| pixel.iter().zip(colour).all(|(a, b)| a.abs_diff(b) <= 4);
    image.pixels.chunks(3).filter(near).count()
}

fn scale() -> ColourScale {
    ColourScale { map: ColourMap::Sequential, range: (0.0, 1.0), label: "share".into() }
}

fn matrix(values: Vec<Vec<f64>>) -> MatrixFigure {
    MatrixFigure {
        title: "A matrix".into(),
        subtitle: String::new(),
        row_axis: "row".into(),
        column_axis: "column".into(),
        row_labels: Vec::new(),
        column_labels: Vec::new(),
        values,
        scale: scale(),
    }
}

#[test]
fn a_matrix_has_its_cells_in_their_colours() {
    let image = matrix(vec![vec![0.0, 1.0, f64::NAN, 2.0]]).render().unwrap();
    assert_eq!(image.pixels.len(), (image.width * image.height * 3) as usize);
    let (dark, light, grey) = (count(&image, DARK), count(&image, LIGHT), count(&image, GREY));
    assert!(dark > 10_000 && grey > 10_000, "{dark} {grey}");
    // What is beyond the range has the colour of its end: two cells.
    let ratio = light as f64 / dark as f64;
    assert!((1.9..2.2).contains(&ratio), "{ratio}");
}

#[test]
fn a_matrix_needs_rows_of_one_length() {
    assert!(matrix(vec![]).render().is_err());
    assert!(matrix(vec![vec![1.0], vec![1.0, 2.0]]).render().is_err());
    let csv = matrix(vec![vec![0.1, f64::NAN], vec![1.0, 1e-9]]).to_csv();
    assert_eq!(csv, "row,column,value\n1,1,0.1\n1,2,\n2,1,1.0\n2,2,1e-9\n");
}

#[test]
fn a_large_matrix_fits_the_sheet() {
    let image = matrix(vec![vec![0.5; 1000]; 1000]).render().unwrap();
    assert_eq!(image.width, 1600);
    assert!(image.height < 2000);
}

#[test]
fn tiles_show_every_picture() {
    let tile = |label: &str, value: f64| Tile { label: label.into(), values: vec![value; 6] };
    let mut figure = TilesFigure {
        title: "Tiles".into(),
        subtitle: String::new(),
        size: (2, 3),
        columns: 2,
        tiles: vec![tile("a", 0.0), tile("b, c", 1.0), tile("d", 1.0)],
        scale: scale(),
    };
    let image = figure.render().unwrap();
    let ratio = count(&image, LIGHT) as f64 / count(&image, DARK) as f64;
    assert!((1.8..2.2).contains(&ratio), "{ratio}");
    assert!(figure.to_csv().contains("\"b, c\",2,3,1.0\n"));
    figure.tiles[1].values.pop();
    let error = figure.render().unwrap_err().to_string();
    assert!(error.contains("5 values for 2 x 3"), "{error}");
}

#[test]
fn panels_share_a_legend_only_where_one_has_all_series() {
    let panel = |labels: &[&str]| LineFigure {
        title: "panel".into(),
        series: labels
            .iter()
            .map(|label| Series::new(label, vec![0.0, 1.0], vec![0.0, 1.0]))
            .collect(),
        ..LineFigure::default()
    };
    let panels = |second: &[&str]| Panels {
        columns: 2,
        panels: vec![panel(&["a", "b"]), panel(second)],
        ..Panels::default()
    };
    let (same, other) = (panels(&["a"]).render().unwrap(), panels(&["c"]).render().unwrap());
    assert!(same.height > other.height, "the common legend has a line of its own");
    assert!(Panels::default().render().is_err());
    assert_eq!(panels(&["c"]).to_csv().lines().count(), 7);
}

#[test]
fn what_cannot_be_shown_is_no_panic() {
    let values = [
        vec![],
        vec![f64::NAN],
        vec![f64::INFINITY, 1.0],
        vec![-1.0, 0.0],
        vec![1e308, -1e308],
        vec![1e-9, 1e300],
        vec![5e-324],
    ];
    for y in values {
        let x: Vec<f64> = (0..y.len()).map(|i| i as f64).collect();
        for log in [false, true] {
            let series = vec![Series::new("s", x.clone(), y.clone())];
            let figure = LineFigure { x_log: log, y_log: log, series, ..LineFigure::default() };
            let png = figure.render().unwrap().to_png().unwrap();
            assert!(png.starts_with(b"\x89PNG"));
            for end in [f64::INFINITY, f64::NAN] {
                let bounded = LineFigure { y_range: Some((1.0, end)), ..figure.clone() };
                assert!(bounded.render().is_ok(), "{y:?} up to {end}");
            }
        }
    }
    let uneven = Series::new("s", vec![1.0], vec![1.0, 2.0]);
    assert!(LineFigure { series: vec![uneven], ..LineFigure::default() }.render().is_err());
}

#[test]
fn a_scale_may_leave_out_a_few_extremes() {
    let values: Vec<f64> =
        (1..=100).map(|v| f64::from(v) * if v % 2 == 0 { 1.0 } else { -1.0 }).collect();
    assert_eq!(ColourScale::symmetric_for(0.9, &values, "").range, (-90.0, 90.0));
    assert_eq!(ColourScale::symmetric_for(1.0, &values, "").range, (-100.0, 100.0));
    assert_eq!(ColourScale::symmetric_for(0.9, &[], "").range, (-1.0, 1.0));
}

#[test]
fn equal_units_make_circles_round() {
    let angles = (0..=90).map(|i| f64::from(i) * std::f64::consts::TAU / 90.0);
    let (x, y) = angles.map(|a| (5.0 * a.cos(), 5.0 * a.sin())).unzip();
    let figure =
        LineFigure { equal_units: true, series: vec![Series::new("", x, y)], ..Default::default() };
    let image = figure.render().unwrap();
    // The curve's own colour: the first of the palette.
    let mut bounds = (u32::MAX, 0, u32::MAX, 0);
    for (i, pixel) in image.pixels.chunks_exact(3).enumerate() {
        if pixel == [0, 114, 178] {
            let (px, py) = (i as u32 % image.width, i as u32 / image.width);
            bounds = (bounds.0.min(px), bounds.1.max(px), bounds.2.min(py), bounds.3.max(py));
        }
    }
    let (wide, high) = (bounds.1 - bounds.0, bounds.3 - bounds.2);
    assert!(wide > 400 && wide.abs_diff(high) <= 3, "{wide} x {high}");
}
