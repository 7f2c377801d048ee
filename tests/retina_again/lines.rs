//! The runs whose numbers are computed again.

/// Flags of every run that does not give them itself.
pub const TINY: &str = "--kernel-size 4 --neurons 3 --batch-size 6 --eval-patches 8 --covariance-batches 3 \
                    --image-every 0 --evaluate-every 2 --lr 0.05 --steps 6 --log-every 1 --seed 3 \
                    --checkpoint-every 1 --keep 9 --firing-rate 0.7 --output-noise 0.8 --quiet --name a";

/// The flags of each run, of which the first is the constraint.
pub const LINES: [&str; 21] = [
    "lagrange --rho 0.6",
    "lagrange --nonlinearity relu --clip-norm 0.05",
    "lagrange --shape difference-of-gaussian --colours 3 --centring-stop 9",
    "gamma-v1",
    "gamma-v2 --nonlinearity absolute --jitter-stop 9 --jitter-interval 2",
    "gamma-v2 --nonlinearity relu --optimizer momentum",
    "none --nonlinearity linear",
    "none --centring-stop 9 --clip-value 0.01",
    "two-losses --variant alternate --rate-lr-multiplier 3",
    "two-losses --variant alternate --log-every 2 --centring-stop 9 --clip-norm 0.1",
    "two-losses --variant leak --centring-stop 9",
    "two-losses --variant clean --nonlinearity relu --rate-lr-multiplier 10",
    "two-losses --variant clean --shape single-t",
    "project --centring-stop 9",
    "total-derivative --nonlinearity linear",
    "exact --nonlinearity linear --covariance-batches 1",
    "exact --centring-stop 9 --jitter-stop 9 --jitter-interval 2 --legacy-logging",
    "exact --gain-smoothing 0.5 --nonlinearity absolute",
    "pi --rho 3 --pi-proportional 2 --pi-integral 0.5 --pi-smoothing 0.3 --centring-start 2 \
     --centring-stop 9 --centring-weight 0.3",
    "pi --data contrast --mask none --colours 3 --kernel-size 3 --legacy-logging",
    "lagrange --neurons 1",
];

/// The flags of a line and those of [`TINY`] that it does not have itself.
pub fn flags(line: &str) -> String {
    let shared = TINY.split("--").filter(|flag| {
        let name = flag.split_whitespace().next();
        name.is_some_and(|name| !line.contains(&format!("--{name} ")))
    });
    shared.fold(format!("--constraint {line}"), |line, flag| format!("{line} --{flag}"))
}
