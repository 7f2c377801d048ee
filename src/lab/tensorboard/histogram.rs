//! Histograms with the buckets that PyTorch's `SummaryWriter.add_histogram` uses.

use std::sync::LazyLock;

/// Bucket edges: 0 and +-1e-12 * 1.1^k while the value stays below 1e20, ascending.
///
/// The power is accumulated by multiplication, since the edges must equal PyTorch's to the bit.
static EDGES: LazyLock<Vec<f64>> = LazyLock::new(|| {
    let positive: Vec<f64> =
        std::iter::successors(Some(1e-12), |v| Some(v * 1.1)).take_while(|v| *v < 1e20).collect();
    let negative = positive.iter().rev().map(|v| -v);
    negative.chain([0.0]).chain(positive.iter().copied()).collect()
});

/// A summary of values by buckets, as TensorBoard's histogram and distribution dashboards read it.
///
/// `counts[i]` values lie between `limits[i - 1]` and `limits[i]`; the first bucket is empty and
/// only gives the second one its left limit. Equal to `torch.utils.tensorboard` bucket for bucket,
/// including that finite values beyond the last edge (+-1e20) are in `num` but in no bucket.
#[derive(Debug, Clone, PartialEq)]
pub struct Histogram {
    /// Smallest finite value.
    pub min: f64,
    /// Largest finite value.
    pub max: f64,
    /// Number of finite values.
    pub num: f64,
    /// Sum of the finite values.
    pub sum: f64,
    /// Sum of the squares of the finite values.
    pub sum_squares: f64,
    /// Right limit of every bucket, ascending.
    pub limits: Vec<f64>,
    /// Number of values in every bucket.
    pub counts: Vec<f64>,
    /// How many values were infinite or not a number; they are in no other field.
    pub non_finite: u64,
}

impl Histogram {
    /// Counts `values` into buckets. With no finite value all fields but `non_finite` are zero.
    pub fn from_values(values: &[f32]) -> Self {
        let mut finite: Vec<f64> =
            values.iter().filter(|v| v.is_finite()).map(|v| f64::from(*v)).collect();
        let sum = finite.iter().sum();
        let sum_squares = finite.iter().map(|v| v * v).sum();
        finite.sort_unstable_by(f64::total_cmp);
        let (limits, counts) = fill_buckets(&finite);
        Self {
            min: finite.first().copied().unwrap_or(0.0),
            max: finite.last().copied().unwrap_or(0.0),
            num: finite.len() as f64,
            sum,
            sum_squares,
            limits,
            counts,
            non_finite: (values.len() - finite.len()) as u64,
        }
    }
}

/// Limits and counts of the ascending `sorted` values, cut to the buckets that hold any, with an
/// empty bucket on the left.
fn fill_buckets(sorted: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let last = EDGES.len() - 1;
    // numpy.histogram: a bucket holds its left edge but not its right one, save for the last.
    let below = |edge: usize| {
        if edge == last {
            sorted.partition_point(|v| *v <= EDGES[edge])
        } else {
            sorted.partition_point(|v| *v < EDGES[edge])
        }
    };
    let in_range = &sorted[below(0)..below(last)];
    let (Some(low), Some(high)) = (in_range.first(), in_range.last()) else {
        return (vec![0.0], vec![0.0]);
    };
    let bucket_of = |v: f64| EDGES.partition_point(|edge| *edge <= v).clamp(1, last) - 1;
    let (start, end) = (bucket_of(*low), bucket_of(*high) + 1);
    let mut counts = vec![0.0];
    counts.extend((start..end).map(|bucket| (below(bucket + 1) - below(bucket)) as f64));
    (EDGES[start..=end].to_vec(), counts)
}
