//! Cell types: clusters of neurons whose radial profiles are alike.

use std::f64::consts::TAU;

/// Principal components that clusters are told apart by.
const COMPONENTS: usize = 2;
/// Clusters, at most.
const MAX_CLUSTERS: usize = 4;
/// Neurons for each cluster, at least: fewer tell nothing of a spread.
const MIN_MEMBERS: usize = 10;
/// Least variance of a cluster along either component, as a share of the first one's over all: what
/// is closer together than a tenth of the whole spread is alike.
const VARIANCE_FLOOR: f64 = 0.01;

/// Sorts profiles into clusters: a mixture of up to four Gaussians with axis-parallel ellipses in the
/// plane of the first two principal components, as many as the Bayesian information criterion
/// wants, and one for every ten profiles at most. Clusters have numbers from 0 by growing first
/// component.
///
/// - profiles: `[neuron][radius]`
pub fn cluster_profiles(profiles: &[Vec<f64>]) -> Vec<usize> {
    let most = (profiles.len() / MIN_MEMBERS).min(MAX_CLUSTERS);
    if most < 2 {
        return vec![0; profiles.len()];
    }
    let scores = scores(profiles);
    let fits = (1..=most).map(|count| mixture(&scores, count));
    let best = fits.fold(None, |best: Option<Mixture>, fit| match best {
        Some(best) if best.criterion <= fit.criterion => Some(best),
        _ => Some(fit),
    });
    let Some(best) = best else { return vec![0; profiles.len()] };
    let mut order: Vec<usize> = (0..best.clusters.len()).collect();
    order.sort_by(|a, b| best.clusters[*a].mean[0].total_cmp(&best.clusters[*b].mean[0]));
    let member = |score: &Score| {
        let weight = |cluster: &usize| best.clusters[*cluster].log_density(score);
        (0..order.len()).max_by(|a, b| weight(&order[*a]).total_cmp(&weight(&order[*b])))
    };
    scores.iter().map(|score| member(score).unwrap_or(0)).collect()
}

type Score = [f64; COMPONENTS];

/// Coordinates along the first principal components, each with the sign that makes its largest
/// loading positive: `[neuron]`.
fn scores(profiles: &[Vec<f64>]) -> Vec<Score> {
    let bins = profiles[0].len();
    let count = profiles.len() as f64;
    let mean: Vec<f64> =
        (0..bins).map(|i| profiles.iter().map(|p| p[i]).sum::<f64>() / count).collect();
    let mut left: Vec<Vec<f64>> =
        profiles.iter().map(|p| p.iter().zip(&mean).map(|(v, m)| v - m).collect()).collect();
    let mut scores = vec![[0.0; COMPONENTS]; profiles.len()];
    for component in 0..COMPONENTS {
        let axis = principal_axis(&left);
        for (row, score) in left.iter_mut().zip(&mut scores) {
            let along: f64 = row.iter().zip(&axis).map(|(v, a)| v * a).sum();
            row.iter_mut().zip(&axis).for_each(|(v, a)| *v -= along * a);
            score[component] = along;
        }
    }
    scores
}

/// The direction of the largest variance of centred rows, by power iteration.
fn principal_axis(rows: &[Vec<f64>]) -> Vec<f64> {
    let bins = rows[0].len();
    // The row of the largest norm can't be orthogonal to all that varies.
    let norm = |row: &[f64]| row.iter().map(|v| v * v).sum::<f64>().sqrt();
    let longest = rows.iter().max_by(|a, b| norm(a).total_cmp(&norm(b)));
    let mut axis = longest.cloned().unwrap_or_else(|| vec![0.0; bins]);
    for _ in 0..500 {
        let mut next = vec![0.0; bins];
        for row in rows {
            let along: f64 = row.iter().zip(&axis).map(|(v, a)| v * a).sum();
            next.iter_mut().zip(row).for_each(|(sum, v)| *sum += along * v);
        }
        let length = norm(&next);
        if length < 1e-12 {
            break;
        }
        axis = next.iter().map(|v| v / length).collect();
    }
    let largest = axis.iter().copied().fold(0.0, |m: f64, v| if v.abs() > m.abs() { v } else { m });
    let length = norm(&axis).max(1e-12).copysign(largest);
    axis.iter().map(|v| v / length).collect()
}

#[derive(Debug, Clone, Copy)]
struct Cluster {
    share: f64,
    mean: Score,
    variance: Score,
}

impl Cluster {
    fn log_density(&self, score: &Score) -> f64 {
        let axes = self.mean.iter().zip(&self.variance).zip(score);
        self.share.ln()
            - 0.5 * axes.map(|((m, v), x)| (x - m).powi(2) / v + (TAU * v).ln()).sum::<f64>()
    }
}

struct Mixture {
    clusters: Vec<Cluster>,
    /// Bayesian information criterion: the smaller the better.
    criterion: f64,
}

/// Expectation-maximisation from the points that lie farthest from one another.
fn mixture(scores: &[Score], count: usize) -> Mixture {
    let whole = moments(scores, &vec![1.0; scores.len()], [0.0; COMPONENTS]);
    let floor = [(VARIANCE_FLOOR * whole.variance[0]).max(1e-12); COMPONENTS];
    let distance = |a: &Score, b: &Score| {
        a.iter().zip(b).zip(&whole.variance).map(|((a, b), v)| (a - b).powi(2) / v.max(1e-12)).sum()
    };
    let mut seeds: Vec<Score> = Vec::new();
    while seeds.len() < count {
        let apart = |score: &Score| -> f64 {
            let from_mean = distance(score, &whole.mean);
            seeds
                .iter()
                .map(|seed| distance(score, seed))
                .fold(if seeds.is_empty() { from_mean } else { f64::INFINITY }, f64::min)
        };
        let farthest = scores.iter().max_by(|a, b| apart(a).total_cmp(&apart(b)));
        seeds.push(farthest.copied().unwrap_or_default());
    }
    let share = 1.0 / count as f64;
    let spread = whole.variance.map(|v| (v * share).max(1e-12));
    let mut clusters: Vec<Cluster> =
        seeds.iter().map(|mean| Cluster { share, mean: *mean, variance: spread }).collect();
    let mut likelihood = f64::NEG_INFINITY;
    for _ in 0..500 {
        let mut weights = vec![vec![0.0; scores.len()]; count];
        let mut now = 0.0;
        for (i, score) in scores.iter().enumerate() {
            let logs: Vec<f64> = clusters.iter().map(|g| g.log_density(score)).collect();
            let largest = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let total: f64 = logs.iter().map(|l| (l - largest).exp()).sum();
            now += largest + total.ln();
            for (weights, log) in weights.iter_mut().zip(&logs) {
                weights[i] = (log - largest).exp() / total;
            }
        }
        clusters = weights.iter().map(|weights| moments(scores, weights, floor)).collect();
        if now - likelihood < 1e-9 * now.abs() {
            likelihood = now;
            break;
        }
        likelihood = now;
    }
    let free = count * (1 + 2 * COMPONENTS) - 1;
    let criterion = free as f64 * (scores.len() as f64).ln() - 2.0 * likelihood;
    Mixture { clusters, criterion }
}

/// The Gaussian of weighted points, its variances at least `floor`.
fn moments(scores: &[Score], weights: &[f64], floor: Score) -> Cluster {
    let total = weights.iter().sum::<f64>().max(1e-12);
    let mean_of = |value: &dyn Fn(&Score) -> f64| {
        scores.iter().zip(weights).map(|(score, w)| w * value(score)).sum::<f64>() / total
    };
    let mean: Score = std::array::from_fn(|i| mean_of(&|score| score[i]));
    let variance: Score =
        std::array::from_fn(|i| mean_of(&|score| (score[i] - mean[i]).powi(2)).max(floor[i]));
    Cluster { share: total / scores.len() as f64, mean, variance }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::tensor::rng;

    /// Profiles exp(-r²/2s²) with sizes s of relative spread 3 %.
    fn profiles(sizes: &[(f64, usize)]) -> Vec<Vec<f64>> {
        let mut all = Vec::new();
        for (size, count) in sizes {
            let words = rng::words(4, "size", (size * 100.0) as u64).take(*count);
            for wobble in words.map(|word| 0.1 * (rng::unit(word) - 0.5)) {
                let scale = size * (1.0 + wobble);
                all.push(
                    (0..9).map(|r| (-f64::from(r * r) / (2.0 * scale * scale)).exp()).collect(),
                );
            }
        }
        all
    }

    #[test]
    fn two_sizes_are_two_clusters_and_one_size_is_one() {
        let found = cluster_profiles(&profiles(&[(1.0, 30), (3.0, 12)]));
        assert!(found[..30].iter().all(|g| *g == found[0]), "{found:?}");
        assert!(found[30..].iter().all(|g| *g == found[30] && *g != found[0]), "{found:?}");
        let three = cluster_profiles(&profiles(&[(0.8, 20), (1.8, 20), (4.0, 20)]));
        let distinct: std::collections::HashSet<usize> = three.iter().copied().collect();
        assert_eq!(distinct.len(), 3, "{three:?}");
        assert_eq!(cluster_profiles(&profiles(&[(2.0, 5)])), [0; 5]);
    }

    #[test]
    fn normally_scattered_profiles_are_one_cluster() {
        let normal = |word: u64, other: u64| {
            let (a, b) = (rng::unit(word).max(1e-9), rng::unit(other));
            (-2.0 * a.ln()).sqrt() * (TAU * b).cos()
        };
        let words: Vec<u64> = rng::words(8, "normal", 0).take(400).collect();
        let rows: Vec<Vec<f64>> = words
            .chunks_exact(4)
            .map(|w| vec![1.0 + 0.2 * normal(w[0], w[1]), 0.5 + 0.1 * normal(w[2], w[3]), 0.0])
            .collect();
        assert_eq!(cluster_profiles(&rows), vec![0; 100]);
    }
}
