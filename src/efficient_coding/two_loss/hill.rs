//! The hill that is climbed.

/// A point of the plane: (x1, x2).
pub type Coordinates = [f64; 2];

/// f(x) = exp(−(x − u)ᵀ A (x − u)) with A = `[[1, c], [c, 1]]`: a hill of height 1 at u, oriented
/// for c ≠ 0.
#[derive(Debug, Clone, Copy)]
pub struct Hill {
    /// The top u.
    pub top: Coordinates,
    /// The entry c of A off its diagonal, between −1 and 1.
    pub tilt: f64,
}

impl Hill {
    /// f at `x`.
    pub fn height(&self, x: Coordinates) -> f64 {
        let [a, b] = [x[0] - self.top[0], x[1] - self.top[1]];
        (-(a * (a + self.tilt * b) + b * (self.tilt * a + b))).exp()
    }

    /// The gradient of f at `x`.
    pub fn slope(&self, x: Coordinates) -> Coordinates {
        let [a, b] = [x[0] - self.top[0], x[1] - self.top[1]];
        let height = self.height(x);
        [-2.0 * (a + self.tilt * b) * height, -2.0 * (self.tilt * a + b) * height]
    }

    /// The ellipse where f is `level`, between 0 and 1: `[point]` of each coordinate, closed.
    pub fn level_line(&self, level: f64) -> (Vec<f64>, Vec<f64>) {
        let radius = (-level.ln()).sqrt();
        // A has the eigenvectors (1, ±1)/√2 with the eigenvalues 1 ± c.
        let (long, short) = (radius / (1.0 - self.tilt).sqrt(), radius / (1.0 + self.tilt).sqrt());
        let angles = (0..=120).map(|i| f64::from(i) / 120.0 * std::f64::consts::TAU);
        let half = 0.5f64.sqrt();
        angles
            .map(|angle| (short * angle.cos() * half, long * angle.sin() * half))
            .map(|(s, l)| (self.top[0] + s + l, self.top[1] + s - l))
            .unzip()
    }
}
