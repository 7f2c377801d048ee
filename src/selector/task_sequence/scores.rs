//! What a matrix of accuracies says: a_ij, the accuracy on task j after task i.

/// Share of all answers in one class from which a network counts as collapsed.
const COLLAPSED: f64 = 0.999;

/// Mean over all tasks after the last row of `matrix`, learnt or not.
pub fn average(matrix: &[Vec<f64>]) -> f64 {
    matrix.last().map_or(f64::NAN, |row| row.iter().sum::<f64>() / row.len() as f64)
}

/// Mean over the earlier tasks of what is lost of the best accuracy that they had before the last
/// row: (1/(T-1)) sum_j (max_{i<T} a_ij - a_Tj) (Chaudhry et al. 2018). None after one task.
pub fn forgetting(matrix: &[Vec<f64>]) -> Option<f64> {
    let (last, earlier) = matrix.split_last()?;
    let best = |task: usize| earlier.iter().map(|row| row[task]).fold(f64::NEG_INFINITY, f64::max);
    let lost: f64 = (0..earlier.len()).map(|task| best(task) - last[task]).sum();
    (!earlier.is_empty()).then(|| lost / earlier.len() as f64)
}

/// Mean over the earlier tasks of what the later ones have changed: (1/(T-1)) sum_j (a_Tj - a_jj)
/// (Lopez-Paz and Ranzato 2017). None after one task.
pub fn backward_transfer(matrix: &[Vec<f64>]) -> Option<f64> {
    let (last, earlier) = matrix.split_last()?;
    let change: f64 = earlier.iter().enumerate().map(|(task, row)| last[task] - row[task]).sum();
    (!earlier.is_empty()).then(|| change / earlier.len() as f64)
}

/// The class that a network answers whatever the image, if there is one.
///
/// # Shapes
/// - answers: how often each class was answered over the images of all tasks, `[class]`
pub fn collapsed(answers: &[f64]) -> Option<usize> {
    let total: f64 = answers.iter().sum();
    answers.iter().position(|count| *count >= COLLAPSED * total)
}

/// Share of all answers that are the most frequent class.
pub fn largest_share(answers: &[f64]) -> f64 {
    answers.iter().copied().fold(0.0, f64::max) / answers.iter().sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_matrix_by_hand() {
        let matrix = vec![vec![0.9, 0.1, 0.0], vec![0.5, 0.8, 0.1], vec![0.6, 0.2, 0.7]];
        assert!((average(&matrix) - 0.5).abs() < 1e-12);
        // Task 1 had 0.9 and has 0.6, task 2 had 0.8 and has 0.2.
        assert!((forgetting(&matrix).unwrap() - 0.45).abs() < 1e-12);
        assert!((backward_transfer(&matrix).unwrap() + 0.45).abs() < 1e-12);
        // The best is not where the task was learnt.
        let matrix = vec![vec![0.5, 0.0], vec![0.9, 0.4], vec![0.6, 0.5]];
        assert!((forgetting(&matrix).unwrap() - (0.3 - 0.1) / 2.0).abs() < 1e-12);
        assert!((backward_transfer(&matrix).unwrap() - (0.1 + 0.1) / 2.0).abs() < 1e-12);
        assert!(forgetting(&matrix[..1]).is_none());
    }

    #[test]
    fn one_class_for_everything_is_a_collapse() {
        assert_eq!(collapsed(&[0.0, 0.0, 10_000.0]), Some(2));
        assert_eq!(collapsed(&[9_995.0, 5.0]), Some(0));
        assert_eq!(collapsed(&[0.0, 9_900.0, 100.0]), None);
        assert!((largest_share(&[1.0, 3.0]) - 0.75).abs() < 1e-12);
    }
}
