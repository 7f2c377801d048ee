use super::*;
use crate::efficient_coding::data::PatchShape;

pub(in crate::efficient_coding) const PATCH: PatchShape =
    PatchShape { kernel: 18, colours: 1, masked: true };

/// ON fields on a lattice and OFF fields, smaller, on a finer one.
pub(in crate::efficient_coding) fn population() -> (Vec<Vec<f64>>, usize) {
    let mut filters = Vec::new();
    let mut on = 0;
    for (sign, spacing, a) in [(1.0, 4.4, 0.15), (-1.0, 2.9, 0.5)] {
        for (i, j) in (-6..=6).flat_map(|i| (-6..=6).map(move |j| (i, j))) {
            let y = f64::from(i) * spacing * 0.75f64.sqrt() + 0.3;
            let x = (f64::from(j) + 0.5 * f64::from(i)) * spacing - 0.2;
            if y.hypot(x) < 7.6 {
                let value = |pixel: usize| {
                    let (r, c) = ((pixel / 18) as f64 - 8.5 - y, (pixel % 18) as f64 - 8.5 - x);
                    let s = r * r + c * c;
                    sign * ((-a * s).exp() - 0.25 * (-0.3 * a * s).exp())
                };
                filters.push((0..324).map(value).collect());
                on += usize::from(sign > 0.0);
            }
        }
    }
    (filters, on)
}

#[test]
fn a_population_of_two_mosaics_is_recognised() {
    tch::set_num_threads(1);
    let (filters, on) = population();
    let found = analyse(&filters, PATCH, 0).unwrap();
    assert_eq!(found.fields.iter().filter(|field| field.on).count(), on);
    assert!(found.fitted() > 0.95, "{}", found.fitted());
    let [first, .., last] = &found.types[..] else { panic!("{:?}", found.types) };
    assert!(first.on && !last.on && first.half_radius > 1.4 * last.half_radius);
    let members: usize = found.types.iter().map(|t| t.members.len()).sum();
    assert_eq!(members as f64, (found.fitted() * filters.len() as f64).round());
    for regularity in found.regularity {
        let index = regularity.unwrap().index;
        assert!(index.p_above < 0.01 && index.value > 3.0 * index.chance, "{index:?}");
    }
    let summary = found.summary();
    assert!(summary.iter().all(|(name, value)| value.is_finite() && !name.is_empty()));
    assert_eq!(found.to_csv().lines().count(), filters.len() + 1);
    assert_eq!(found.to_json()["on"], on as f64);
}

#[test]
fn filters_of_another_size_are_refused() {
    let error = analyse(&[vec![0.0; 5]], PATCH, 0).unwrap_err().to_string();
    assert!(error.contains("5 weights") && error.contains("324 inputs"), "{error}");
    assert!(analyse(&[], PATCH, 0).is_err());
}
