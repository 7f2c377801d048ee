//! Which sets of test images the notebook's accuracies can be of: a share of n images is k / n.

use super::figures::NOTEBOOK;

/// Test images of each digit in MNIST.
const DIGITS: [u32; 10] = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009];
/// All of them.
const ALL: u32 = 10_000;

/// Whether some number of `images` is this percentage, to two decimals.
fn possible(percent: f64, images: u32) -> bool {
    let nearest = (percent / 100.0 * f64::from(images)).round();
    (100.0 * nearest / f64::from(images) - percent).abs() <= 0.005
}

/// For every accuracy of the two rows, whether it can be of the task's own digits, of all test
/// images, and of which other pairs of digits.
pub fn print() {
    println!(
        "\n| row | accuracy | of the task's digits | of 10 000 | of other pairs |\n|---|---|---|---|---|"
    );
    for (name, row) in NOTEBOOK {
        for (task, percent) in row.into_iter().enumerate().filter(|(_, percent)| *percent > 0.0) {
            let own = possible(percent, DIGITS[2 * task] + DIGITS[2 * task + 1]);
            let pairs = (0..10).flat_map(|a| (a + 1..10).map(move |b| (a, b)));
            let others: Vec<String> = pairs
                .filter(|pair| *pair != (2 * task, 2 * task + 1))
                .filter(|(a, b)| possible(percent, DIGITS[*a] + DIGITS[*b]))
                .map(|(a, b)| format!("{a}{b}"))
                .collect();
            let all = possible(percent, ALL);
            println!("| {name} | {percent} | {own} | {all} | {} |", others.join(", "));
        }
    }
}
