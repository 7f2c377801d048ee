//! Figures show what they were given, and say what they can't show.

#![allow(clippy::unwrap_used)]

use neuron_lab::lab::figure::{
    Cells, ColourMap, ColourScale, Drawing, Figure, Format, Length, Limit, LineFigure,
    MatrixFigure, Panels, Reference, RgbImage, Series, Sheet, Size, Spacing, Stroke, Tile,
    TilesFigure, files,
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
    ColourScale::new(ColourMap::Sequential, (0.0, 1.0), "share")
}

fn matrix(values: Vec<Vec<f64>>) -> MatrixFigure {
    MatrixFigure {
        title: "A matrix".into(),
        subtitle: String::new(),
        row_axis: "row".into(),
        column_axis: "column".into(),
        rows: Cells::Numbered,
        columns: Cells::Numbered,
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

/// One figure of every kind, with all that can be in one, and what no picture can show.
fn every_kind() -> Vec<Figure> {
    let x = vec![1.0, 2.0, 3.0, f64::NAN, 5.0];
    let y = vec![0.1, f64::INFINITY, 1e-9, 0.3, -0.0];
    let band = |by: f64| y.iter().map(|y| y + by).collect();
    let line = LineFigure {
        title: "Loss <L> & its \"σ\" ⟨∂L/∂w⟩".into(),
        subtitle: "mean of 5 seeds".into(),
        x_label: "step".into(),
        y_label: "loss".into(),
        y_range: Some((-1.0, 1.0)),
        series: vec![
            Series { marker: true, ..Series::new("AV <b>", x.clone(), y.clone()) },
            Series { dashed: true, colour: Some(4), ..Series::new("δ", x.clone(), y.clone()) }
                .with_band(band(-0.1), band(0.1)),
            Series {
                stroke: Stroke::Steps,
                shade: Some(0.5),
                ..Series::new("", x.clone(), y.clone())
            }
            .with_bars(band(-0.2), band(0.2)),
            Series { limits: vec![Limit::Upper; 5], ..Series::new("edge", x.clone(), y.clone()) },
        ],
        x_range: Some((0.5, 4.0)),
        references: vec![Reference { label: "floor".into(), value: 0.25 }],
        ..LineFigure::default()
    };
    let panels = Panels {
        title: "Panels".into(),
        columns: 2,
        panels: vec![line.clone(), LineFigure { x_log: true, y_log: true, ..line.clone() }],
        ..Panels::default()
    };
    let tiles = TilesFigure {
        title: "Tiles".into(),
        subtitle: String::new(),
        size: (1, 2),
        columns: 3,
        tiles: (0..3).map(|i| Tile { label: format!("n {i}"), values: vec![0.1, 1.0] }).collect(),
        scale: scale(),
    };
    let matrix = matrix(vec![vec![0.0, f64::NEG_INFINITY, f64::NAN], vec![1.0, -2.5, 3e300]]);
    let matrix = MatrixFigure {
        rows: Cells::Log(vec![1.0, 30.0]),
        columns: Cells::Named(vec!["a".into(), "b".into(), "<c>".into()]),
        scale: scale().with_spacing(Spacing::SymmetricLog(0.1)),
        ..matrix
    };
    vec![line.figure(), panels.figure(), tiles.figure(), matrix.figure()]
}

#[test]
fn a_figure_is_drawn_again_from_its_description_to_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    for (number, figure) in every_kind().iter().enumerate() {
        let name = format!("figure.{number}");
        files::write(folder.path(), &name, figure, &figure.numbers(), &Format::ALL).unwrap();
        let path = |ending: &str| files::path(folder.path(), &name, ending);
        let again = files::read(&path(files::DESCRIPTION)).unwrap();
        assert_eq!(std::fs::read_to_string(path("csv")).unwrap(), again.numbers());
        let picture = again.picture(&Sheet::SCREEN).unwrap();
        for format in Format::ALL {
            let first = std::fs::read(path(format.extension())).unwrap();
            assert!(first == picture.encode(format).unwrap(), "{name} as {format:?}");
        }
    }
    assert_eq!(files::described(folder.path()).len(), 4);
    for (text, expected) in [("{", "no description"), ("{\"kind\": \"pie\"}", "no description")] {
        let path = folder.path().join("a.json");
        std::fs::write(&path, text).unwrap();
        let error = files::read(&path).unwrap_err().to_string();
        assert!(error.contains("a.json") && error.contains(expected), "{error}");
    }
}

/// What is between `begin` and the next `end`, everywhere in `text`.
fn between<'a>(text: &'a str, begin: &str, end: &str) -> Vec<&'a str> {
    text.split(begin).skip(1).filter_map(|rest| Some(rest.split_once(end)?.0)).collect()
}

#[test]
fn svg_has_its_labels_as_outlines_and_as_text() {
    for figure in every_kind() {
        let svg = figure.picture(&Sheet::SCREEN).unwrap().encode(Format::Svg).unwrap();
        let svg = String::from_utf8(svg).unwrap();
        // Every element is closed, in order, and every attribute is quoted.
        let mut open = Vec::new();
        for tag in between(&svg, "<", ">") {
            let name = tag.split([' ', '/']).find(|name| !name.is_empty()).unwrap();
            match (tag.starts_with('/'), tag.ends_with('/')) {
                (true, _) => assert_eq!(open.pop(), Some(name)),
                (false, false) => open.push(name),
                (false, true) => {}
            }
            assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
        }
        assert!(open.is_empty() && svg.starts_with("<svg ") && !svg.contains("NaN"), "{open:?}");
        for text in between(&svg, "&", ";") {
            assert!(["lt", "gt", "amp"].contains(&text), "{text}");
        }
        // What is used is defined, once.
        let ids = between(&svg, " id=\"", "\"");
        for used in between(&svg, "href=\"#", "\"").into_iter().chain(between(&svg, "url(#", ")")) {
            assert_eq!(ids.iter().filter(|id| **id == used).count(), 1, "{used}");
        }
    }
    let svg = every_kind()[0].picture(&Sheet::SCREEN).unwrap().encode(Format::Svg).unwrap();
    let svg = String::from_utf8(svg).unwrap();
    for label in
        ["Loss &lt;L&gt; &amp; its \"σ\" ⟨∂L/∂w⟩", "mean of 5 seeds", "AV &lt;b&gt;", "floor"]
    {
        assert!(svg.contains(&format!(">{label}</text>")), "{label}");
    }
}

/// The streams of a PDF that zlib can read, as text.
fn streams(pdf: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    let mark = b"stream\n";
    for at in (0..pdf.len()).filter(|at| pdf[*at..].starts_with(mark)) {
        let mut bytes = Vec::new();
        let mut reader = flate2::read::ZlibDecoder::new(&pdf[at + mark.len()..]);
        if std::io::Read::read_to_end(&mut reader, &mut bytes).is_ok() {
            found.push(String::from_utf8_lossy(&bytes).into_owned());
        }
    }
    found
}

#[test]
fn pdf_has_its_fonts_in_it_and_its_labels_as_text() {
    for figure in every_kind() {
        let pdf = figure.picture(&Sheet::SCREEN).unwrap().encode(Format::Pdf).unwrap();
        let text = String::from_utf8_lossy(&pdf);
        assert!(text.starts_with("%PDF-1.4") && text.trim_end().ends_with("%%EOF"));
        let (fonts, files) = (text.matches("/Type /FontDescriptor"), text.matches("/FontFile2 "));
        let (fonts, files) = (fonts.count(), files.count());
        assert!(fonts == files && fonts == text.matches("/ToUnicode ").count() && fonts > 0);
        // The tables of a font that hold its outlines.
        let embedded =
            streams(&pdf).iter().filter(|s| s.contains("glyf") && s.contains("loca")).count();
        assert_eq!(embedded, fonts);
        assert!(!text.contains("/CreationDate") && !text.contains("/ModDate"));
    }
    let pdf = every_kind()[0].picture(&Sheet::SCREEN).unwrap().encode(Format::Pdf).unwrap();
    let text = String::from_utf8_lossy(&pdf).into_owned();
    // Each character of the labels has its code point, in UTF-16.
    for character in "Loss<>&\"σ⟨∂δ".chars() {
        let code = format!("{:04X}>", u32::from(character));
        assert!(text.contains(&code), "{character}");
    }
}

#[test]
fn paper_has_the_size_that_is_asked_for() {
    let length = |text: &str| text.parse::<Length>().unwrap();
    let size: Size = "120x110mm".parse().unwrap();
    for figure in every_kind() {
        let box_of = |sheet: &Sheet| -> Vec<f32> {
            let pdf = figure.picture(sheet).unwrap().encode(Format::Pdf).unwrap();
            let text = String::from_utf8_lossy(&pdf).into_owned();
            let numbers = between(&text, "/MediaBox [", "]")[0].split(' ');
            numbers.skip(2).map(|number| number.parse().unwrap()).collect()
        };
        let near = |found: f32, expected: f32| assert!((found - expected).abs() < 0.01, "{found}");
        near(box_of(&Sheet::paper(length("86mm"), None))[0], 243.78);
        near(box_of(&Sheet::paper(length("7in"), None))[0], 504.0);
        let both = box_of(&Sheet::paper(size.width, Some(size.height)));
        near(both[0], 340.16);
        near(both[1], 311.81);
        let image = figure.picture(&Sheet::paper(length("50.8mm"), None)).unwrap().image().unwrap();
        assert_eq!(image.width, 1200);
    }
    let low = Sheet::paper(length("86mm"), Some(length("30mm")));
    let error = every_kind()[1].picture(&low).unwrap_err().to_string();
    assert!(error.starts_with("the sheet is too low by"), "{error}");
}

/// The first of the palette's colours, that of the first series.
const BLUE: [u8; 3] = [0, 114, 178];

/// A line at 0.5, with one value of 9 where the axis ends at 1, if wanted.
fn bounded(outlier: bool) -> LineFigure {
    let x: Vec<f64> = (0..100).map(f64::from).collect();
    let y = (0..100).map(|i| if outlier && i == 50 { 9.0 } else { 0.5 }).collect();
    let figure = LineFigure::new("", "step", "loss", vec![Series::new("", x, y)]);
    LineFigure { y_range: Some((0.0, 1.0)), ..figure }
}

#[test]
fn a_value_beyond_the_axis_has_a_mark_and_the_legend_says_so() {
    let (with, without) = (bounded(true).render().unwrap(), bounded(false).render().unwrap());
    // The upper third of the sheet: of the line there are two steep pieces, of the mark a triangle.
    let upper = |image: &RgbImage| {
        let third = image.pixels.len() / 3;
        let top = RgbImage { pixels: image.pixels[..third].to_vec(), ..image.clone() };
        count(&top, BLUE)
    };
    assert_eq!(upper(&without), 0);
    let marked = upper(&with);
    assert!(marked > 1000, "{marked}");
    // The legend's entry: a triangle in grey, and its name in ink.
    let ink = |image: &RgbImage| count(image, [32, 32, 32]);
    assert!(ink(&with) > ink(&without) + 300, "{} {}", ink(&with), ink(&without));
}

#[test]
fn limits_are_in_the_picture_and_in_the_table() {
    let series = Series::new("edge", vec![1.0, 2.0, 3.0], vec![16.0, 64.0, 4096.0]);
    let limits = vec![Limit::Upper, Limit::Exact, Limit::Lower];
    let exact = LineFigure::new("", "rate", "width", vec![series.clone()]);
    let limited = LineFigure { series: vec![Series { limits, ..series.clone() }], ..exact.clone() };
    let header = "series,x,y,low,high,limit\n";
    let rows = "edge,1.0,16.0,,,at most\nedge,2.0,64.0,,,\nedge,3.0,4096.0,,,at least\n";
    assert_eq!(limited.to_csv(), format!("{header}{rows}"));
    assert_eq!(exact.to_csv().lines().next(), Some("series,x,y,low,high"));
    let panels =
        Panels { columns: 1, panels: vec![exact.clone(), limited.clone()], ..Panels::default() };
    assert!(panels.to_csv().starts_with("panel,series,x,y,low,high,limit\n,edge,1.0,16.0,,,\n"));
    assert_ne!(exact.render().unwrap(), limited.render().unwrap());
    let short = Series { limits: vec![Limit::Exact], ..series };
    assert!(LineFigure { series: vec![short], ..exact }.render().is_err());
}

#[test]
fn a_histogram_covers_its_bins_and_error_bars_their_range() {
    let x: Vec<f64> = (0..4).map(f64::from).collect();
    let line = Series::new("", x.clone(), vec![1.0, 3.0, 2.0, 0.0]);
    let drawn = |series: Series| LineFigure::new("", "", "", vec![series]).render().unwrap();
    let plain = count(&drawn(line.clone()), BLUE);
    let steps = count(&drawn(Series { stroke: Stroke::Steps, ..line.clone() }), BLUE);
    assert!(steps > plain, "{steps} {plain}");
    let points = Series { stroke: Stroke::Points, ..line };
    let marked = count(&drawn(points.clone()), BLUE);
    let bars = points.with_bars(vec![0.5; 4], vec![3.5; 4]);
    assert!(marked < plain && count(&drawn(bars), BLUE) > 2 * marked, "{marked}");
}

#[test]
fn numbers_are_in_cells_that_have_room() {
    let white = |image: &RgbImage| count(image, [255, 255, 255]);
    // Of a dark cell the number is white.
    let dark = |values: Vec<Vec<f64>>| {
        let mut figure = matrix(values);
        figure.scale.range = (0.0, 1e9);
        figure.render().unwrap()
    };
    let (with, without) = (dark(vec![vec![1.0; 12]; 5]), dark(vec![vec![-1.234e-300; 12]; 5]));
    assert!(white(&with) > white(&without), "a long number leaves all cells without");
    assert!(matrix(vec![vec![0.5; 300]; 300]).render().is_ok());
}

#[test]
fn a_sheet_is_as_wide_as_what_is_on_it() {
    let long = "a subtitle that is much longer than five cells are wide, so that they grow";
    let wide = MatrixFigure { subtitle: long.into(), ..matrix(vec![vec![0.5; 5]; 5]) };
    let image = wide.render().unwrap();
    // Cells of one value: the share of the sheet that they cover.
    let cells = count(&image, [33, 145, 140]) as f64 / f64::from(image.width * image.height);
    assert!(cells > 0.35, "{cells}");
    let circle = LineFigure {
        equal_units: true,
        title: "A circle".into(),
        ..LineFigure::new("", "x", "y", vec![Series::new("", vec![0.0, 1.0], vec![0.0, 1.0])])
    };
    assert!(circle.render().unwrap().width < 1200);
}

#[test]
fn a_long_title_is_broken_not_cut() {
    let words = "one of the very many words ".repeat(12);
    let panels = |title: &str| Panels {
        title: title.into(),
        columns: 1,
        panels: vec![bounded(false)],
        ..Panels::default()
    };
    let (long, short) = (panels(&words).render().unwrap(), panels("one").render().unwrap());
    assert!(long.height > short.height && long.width == short.width);
    // The right margin stays white.
    let column = |x: u32| (0..long.height).map(move |y| (y * long.width + x) as usize * 3);
    let white = |at: usize| long.pixels[at..at + 3] == [255, 255, 255];
    assert!((long.width - 16..long.width).flat_map(column).all(white));
}
