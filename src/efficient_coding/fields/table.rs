//! An analysis as numbers by name, as JSON, as a table of all neurons, and in words.

use std::iter;

use serde_json::{Value, json};

use super::analysis::Analysis;
use super::field::ReceptiveField;
use crate::lab::measured::with_spread;
use crate::lab::statistics::mean_and_sd;

impl Analysis {
    /// The numbers of the whole population by name.
    pub fn summary(&self) -> Vec<(String, f64)> {
        let mean = |value: &dyn Fn(&ReceptiveField) -> f64| {
            self.fields.iter().map(value).sum::<f64>() / self.fields.len() as f64
        };
        let on = self.fields.iter().filter(|field| field.on).count();
        let mut all: Vec<(String, f64)> = vec![
            ("on".into(), on as f64),
            ("off".into(), (self.fields.len() - on) as f64),
            ("fitted".into(), self.fitted()),
            ("types".into(), self.types.len() as f64),
            ("spread".into(), mean(&|field| field.spread)),
            ("spectral_centroid".into(), mean(&|field| field.spectral_centroid)),
            ("surround".into(), mean(&|field| field.surround)),
        ];
        for (sign, found) in ["on", "off"].iter().zip(&self.regularity) {
            let Some(found) = found else { continue };
            all.push((format!("regularity_{sign}"), found.index.value));
            all.push((format!("regularity_{sign}_chance"), found.index.chance));
            all.push((format!("regularity_{sign}_p"), found.index.p_above));
        }
        for (sign, on) in [("on", true), ("off", false)] {
            let types = self.types.iter().filter(|found| found.on == on);
            // The sum of nothing is -0.
            let coverage = types.map(|found| found.coverage).sum::<f64>() + 0.0;
            all.push((format!("coverage_{sign}"), coverage));
        }
        if let Some(found) = self.alignment {
            all.push(("on_off_distance".into(), found.value));
            all.push(("on_off_distance_chance".into(), found.chance));
            all.push(("on_off_aligned_p".into(), found.p_below));
            all.push(("on_off_anti_aligned_p".into(), found.p_above));
        }
        all
    }

    /// The numbers of the whole population and of every type, as JSON.
    pub fn to_json(&self) -> Value {
        let types: Vec<Value> = self
            .types
            .iter()
            .map(|found| {
                json!({
                    "type": found.name,
                    "neurons": found.members,
                    "half_radius": found.half_radius,
                    "coverage": found.coverage,
                    "spacing": found.regularity.map(|r| r.spacing),
                    "regularity": found.regularity.map(|r| r.index.value),
                    "regularity_chance": found.regularity.map(|r| r.index.chance),
                    "regularity_p": found.regularity.map(|r| r.index.p_above),
                })
            })
            .collect();
        let mut all: serde_json::Map<String, Value> =
            self.summary().into_iter().map(|(name, value)| (name, json!(value))).collect();
        all.insert("cell_types".into(), json!(types));
        Value::Object(all)
    }

    /// A row for every neuron.
    pub fn to_csv(&self) -> String {
        let mut csv = String::from(
            "neuron,sign,type,row,column,spread,half_radius,zero_crossing,surround,\
             spectral_centroid,fit_r2,fit_half_radius,fit_zero_crossing,fit_surround,fit_a,fit_b,\
             colour,colour_weights\n",
        );
        let some = |value: Option<f64>| value.map_or_else(String::new, |v| format!("{v:.4}"));
        for (i, field) in self.fields.iter().enumerate() {
            let fit = Some(field.fit).filter(|fit| fit.good);
            let weights: Vec<String> =
                field.colour_weights.iter().map(|weight| format!("{weight:.3}")).collect();
            let cells = [
                (i + 1).to_string(),
                if field.on { "ON".into() } else { "OFF".into() },
                self.type_of(i).into(),
                format!("{:.3}", field.centre[0]),
                format!("{:.3}", field.centre[1]),
                format!("{:.4}", field.spread),
                some(field.half_radius),
                some(field.zero_crossing),
                format!("{:.4}", field.surround),
                format!("{:.5}", field.spectral_centroid),
                format!("{:.4}", field.fit.r2),
                some(fit.map(|fit| fit.half_radius())),
                some(fit.and_then(|fit| fit.zero_crossing())),
                some(fit.map(|fit| fit.surround)),
                some(fit.map(|fit| fit.a)),
                some(fit.map(|fit| fit.b)),
                field.colour.to_string(),
                weights.join(" "),
            ];
            csv.push_str(&cells.join(","));
            csv.push('\n');
        }
        csv
    }

    /// The analysis in a few lines.
    pub fn lines(&self) -> Vec<String> {
        let count = self.fields.len();
        let on = self.fields.iter().filter(|field| field.on).count();
        let mut lines = vec![format!(
            "{count} fields: {on} ON, {} OFF; a difference of Gaussians fits {:.0} %",
            count - on,
            100.0 * self.fitted()
        )];
        for found in &self.types {
            let regularity = found.regularity.map_or(String::new(), |r| {
                format!(
                    ", regularity {:.2} (chance {:.2}, p {:.3}) at a spacing of {:.2} px",
                    r.index.value, r.index.chance, r.index.p_above, r.spacing
                )
            });
            lines.push(format!(
                "{}: {} fields, half height at {:.2} px, coverage {:.2}{regularity}",
                found.name,
                found.members.len(),
                found.half_radius,
                found.coverage
            ));
        }
        if let Some(found) = self.alignment {
            lines.push(format!(
                "ON to nearest OFF and back: {:.2} px (turned at random {:.2} ± {:.2}; as close p {:.3}, \
                 as far p {:.3})",
                found.value, found.chance, found.chance_sd, found.p_below, found.p_above
            ));
        }
        lines
    }
}

/// The analysis of one population in a few lines; of several, as of models of several seeds, the mean
/// and standard deviation over them of every number that all of them have.
pub fn lines_of_all(populations: &[Analysis]) -> Vec<String> {
    if let [one] = populations {
        return one.lines();
    }
    let spreads = spreads(populations).into_iter();
    let spreads = spreads.map(|(name, mean, sd)| format!("{name}: {}", with_spread(mean, sd)));
    let first = format!("mean and standard deviation over {} models:", populations.len());
    iter::once(first).chain(spreads).collect()
}

/// Name, mean and standard deviation over populations of every number that all of them have.
pub fn spreads(populations: &[Analysis]) -> Vec<(String, f64, f64)> {
    let mut all = populations.iter().map(Analysis::summary);
    let first = all.next().unwrap_or_default();
    let rest: Vec<Vec<(String, f64)>> = all.collect();
    let of_all = |(name, value): (String, f64)| {
        let others = rest.iter().map(|numbers| {
            numbers.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
        });
        let values: Vec<f64> = iter::once(Some(value)).chain(others).collect::<Option<_>>()?;
        let (mean, sd) = mean_and_sd(&values);
        Some((name, mean, sd))
    };
    first.into_iter().filter_map(of_all).collect()
}
