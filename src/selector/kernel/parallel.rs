//! Work divided among threads.

use std::ops::Range;

/// Divides `items` into ranges of `each`, and runs `work` on every range in a thread of its own. The
/// i-th range goes with the i-th of `parts`.
pub(super) fn parallel_ranges<P: Send>(
    items: usize,
    each: usize,
    parts: Vec<P>,
    work: impl Fn(Range<usize>, P) + Sync,
) {
    let range = |i: usize| (i * each).min(items)..((i + 1) * each).min(items);
    let work = &work;
    std::thread::scope(|scope| {
        let mut rest = parts.into_iter().enumerate();
        let first = rest.next();
        for (i, part) in rest {
            scope.spawn(move || work(range(i), part));
        }
        if let Some((i, part)) = first {
            work(range(i), part);
        }
    });
}

/// The number of threads for this many items: libtorch's, and no more than items.
pub(super) fn threads(items: usize) -> usize {
    (tch::get_num_threads().max(1) as usize).min(items.max(1))
}
