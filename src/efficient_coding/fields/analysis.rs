//! The analysis of a population of receptive fields.

use anyhow::{Result, ensure};
use tch::Tensor;

use super::clusters::cluster_profiles;
use super::field::ReceptiveField;
use super::mosaic::{Centre, ChanceComparison, Disc, Regularity, alignment, coverage, regularity};
use crate::efficient_coding::data::PatchShape;
use crate::lab::tensor::to_host;

/// Draws that a mosaic is compared with.
const SHUFFLES: u64 = 1000;

/// Neurons of one sign whose profiles are alike.
#[derive(Debug, Clone)]
pub struct CellType {
    /// "ON 1", "OFF 2", ...: numbered by growing radius.
    pub name: String,
    /// Whether its fields are ON.
    pub on: bool,
    /// The neurons, by number.
    pub members: Vec<usize>,
    /// Mean distance at half height, in pixels.
    pub half_radius: f64,
    /// How evenly its fields are spread; none for fewer than eight.
    pub regularity: Option<Regularity>,
    /// Fields that cover a point of the patch, within their half height.
    pub coverage: f64,
}

/// A population of receptive fields.
#[derive(Debug, Clone)]
pub struct Analysis {
    /// The fields: `[neuron]`.
    pub fields: Vec<ReceptiveField>,
    /// Cell types: ON, then OFF, by growing radius. Fields that no difference of Gaussians fits
    /// belong to none.
    pub types: Vec<CellType>,
    /// The regularity of all ON fields, and of all OFF fields.
    pub regularity: [Option<Regularity>; 2],
    /// Mean distance between an ON field and the nearest OFF field, and back.
    pub alignment: Option<ChanceComparison>,
}

/// Analyses filters: what each is, which are alike, and how they tile the patch. Only fields that a
/// difference of Gaussians fits (see [`super::MIN_R2`]) have a type and a place in a mosaic.
///
/// - filters: colour-major, each colour row-major, `[neuron][input]`
/// - seed: of the shuffles
///
/// # Errors
/// Where there is no filter, or one has another number of weights than the patch has inputs.
pub fn analyse(filters: &[Vec<f64>], patch: PatchShape, seed: u64) -> Result<Analysis> {
    let inputs = patch.inputs() as usize;
    ensure!(!filters.is_empty(), "no filter to analyse");
    if let Some(wrong) = filters.iter().find(|filter| filter.len() != inputs) {
        anyhow::bail!("a filter has {} weights, the patch {inputs} inputs", wrong.len());
    }
    let mask = to_host::values(&patch.mask())?;
    let fields: Vec<ReceptiveField> =
        filters.iter().map(|w| ReceptiveField::of(w, &mask, patch)).collect();
    let disc = Disc::of(patch.kernel);
    let of_sign = |on: bool| -> Vec<usize> {
        (0..fields.len()).filter(|i| fields[*i].on == on && fields[*i].fit.good).collect()
    };
    let centres = |members: &[usize]| -> Vec<Centre> {
        members.iter().map(|member| fields[*member].centre).collect()
    };
    let signs = [of_sign(true), of_sign(false)];
    let types = [true, false]
        .iter()
        .zip(&signs)
        .flat_map(|(on, members)| types(&fields, *on, members, disc, seed))
        .collect();
    let [on, off] = signs.map(|members| centres(&members));
    Ok(Analysis {
        types,
        regularity: [&on, &off].map(|centres| regularity(centres, disc, SHUFFLES, seed)),
        alignment: alignment(&on, &off, disc, SHUFFLES, seed),
        fields,
    })
}

/// The types among the fields of one sign.
fn types(
    fields: &[ReceptiveField],
    on: bool,
    members: &[usize],
    disc: Disc,
    seed: u64,
) -> Vec<CellType> {
    let profiles: Vec<Vec<f64>> = members.iter().map(|i| fields[*i].profile.clone()).collect();
    let clusters = cluster_profiles(&profiles);
    let count = clusters.iter().max().map_or(0, |most| most + 1);
    let mut types: Vec<CellType> = (0..count)
        .map(|cluster| {
            let pairs = members.iter().zip(&clusters).filter(|(_, of)| **of == cluster);
            let members: Vec<usize> = pairs.map(|(member, _)| *member).collect();
            let radii = || members.iter().map(|i| fields[*i].fit.half_radius());
            let centres: Vec<Centre> = members.iter().map(|i| fields[*i].centre).collect();
            CellType {
                name: String::new(),
                on,
                half_radius: radii().sum::<f64>() / members.len().max(1) as f64,
                regularity: regularity(&centres, disc, SHUFFLES, seed),
                coverage: coverage(radii(), disc),
                members,
            }
        })
        .filter(|found| !found.members.is_empty())
        .collect();
    types.sort_by(|a, b| a.half_radius.total_cmp(&b.half_radius));
    let sign = if on { "ON" } else { "OFF" };
    for (i, found) in types.iter_mut().enumerate() {
        found.name = format!("{sign} {}", i + 1);
    }
    types
}

impl Analysis {
    /// The name of a neuron's type; "-" for a field that no difference of Gaussians fits.
    pub fn type_of(&self, neuron: usize) -> &str {
        let found = self.types.iter().find(|found| found.members.contains(&neuron));
        found.map_or("-", |found| found.name.as_str())
    }

    /// Share of the fields that a difference of Gaussians fits.
    pub fn fitted(&self) -> f64 {
        let good = self.fields.iter().filter(|field| field.fit.good).count();
        good as f64 / self.fields.len() as f64
    }
}

/// Filters as plain numbers: `[neuron][input]`.
///
/// - filters: `[input, neuron]`
///
/// # Errors
/// Where the device can't be read.
pub fn columns(filters: &Tensor) -> Result<Vec<Vec<f64>>> {
    let inputs = filters.size()[0] as usize;
    Ok(to_host::values(&filters.tr())?.chunks_exact(inputs).map(<[f64]>::to_vec).collect())
}
