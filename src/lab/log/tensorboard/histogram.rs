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

/// 1 / ln 1.1: edges in a factor of e.
const PER_EDGE: f64 = 10.492_058_687_257_06;

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
        let finite = || values.iter().filter(|v| v.is_finite()).map(|v| f64::from(*v));
        let num = finite().count();
        let mut counts = vec![0.0; EDGES.len() - 1];
        finite().filter_map(bucket_of).for_each(|bucket| counts[bucket] += 1.0);
        let (limits, counts) = trim(&counts);
        let or_zero = |extreme: f64| if num == 0 { 0.0 } else { extreme };
        Self {
            min: or_zero(finite().fold(f64::INFINITY, f64::min)),
            max: or_zero(finite().fold(f64::NEG_INFINITY, f64::max)),
            num: num as f64,
            sum: finite().sum(),
            sum_squares: finite().map(|v| v * v).sum(),
            limits,
            counts,
            non_finite: (values.len() - num) as u64,
        }
    }
}

/// The bucket of a value, or none beyond the outer edges. As in numpy.histogram, a bucket holds
/// its left edge but not its right one, save for the last.
fn bucket_of(v: f64) -> Option<usize> {
    let last = EDGES.len() - 1;
    if !(EDGES[0]..=EDGES[last]).contains(&v) {
        return None;
    }
    // The edges are a geometric series on both sides of 0: a logarithm finds the neighbourhood,
    // and comparisons with the edges themselves decide.
    let zero = last / 2;
    let power = ((v.abs() * 1e12).ln() * PER_EDGE).max(0.0) as usize;
    let guess = if v < 0.0 { zero.saturating_sub(power + 2) } else { zero + power };
    let mut bucket = guess.min(last - 1);
    while EDGES[bucket] > v {
        bucket -= 1;
    }
    while bucket + 1 < last && EDGES[bucket + 1] <= v {
        bucket += 1;
    }
    Some(bucket)
}

/// Limits and counts of the buckets from the first to the last that hold any value, with an empty
/// bucket on the left.
fn trim(counts: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let used = |count: &f64| *count > 0.0;
    let (Some(start), Some(end)) = (counts.iter().position(used), counts.iter().rposition(used))
    else {
        return (vec![0.0], vec![0.0]);
    };
    let held = counts[start..=end].iter().copied();
    (EDGES[start..=end + 1].to_vec(), [0.0].into_iter().chain(held).collect())
}
