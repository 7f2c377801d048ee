//! Colours: correlations between cone classes, and cone responses to the light of a picture.

use anyhow::Result;
use tch::Tensor;

/// Correlations between long, middle and short wavelengths at one place of a synthetic image: of
/// the size that cone responses to natural scenes have, where L and M hardly differ.
pub const CORRELATIONS: [[f64; 3]; 3] = [[1.0, 0.98, 0.85], [0.98, 1.0, 0.9], [0.85, 0.9, 1.0]];

/// The correlations of the first `colours` classes: `[colour, colour]` f64.
pub fn correlations(colours: i64) -> Tensor {
    Tensor::from_slice2(&CORRELATIONS).narrow(0, 0, colours).narrow(1, 0, colours)
}

/// A root R with R Rᵀ = the correlations: `[colour, colour]` f64.
///
/// # Errors
/// Where libtorch can't factorise the correlations.
pub fn root(colours: i64) -> Result<Tensor> {
    Ok(correlations(colours).f_linalg_cholesky(false)?)
}

/// Linear sRGB to cone responses L, M, S: the matrix of IEC 61966-2-1 to CIE XYZ, then that of Hunt,
/// Pointer and Estévez, normalised to equal responses to the white D65.
const CONES: [[f32; 3]; 3] = {
    let xyz = [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.119_192, 0.9503041],
    ];
    let cones = [[0.4002, 0.7076, -0.0808], [-0.2263, 1.1653, 0.0457], [0.0, 0.0, 0.9182]];
    let mut product = [[0.0; 3]; 3];
    let mut i = 0;
    while i < 9 {
        let (row, column) = (i / 3, i % 3);
        product[row][column] = cones[row][0] * xyz[0][column]
            + cones[row][1] * xyz[1][column]
            + cones[row][2] * xyz[2][column];
        i += 1;
    }
    product
};

/// Cone responses to a pixel of linear sRGB.
pub fn cones(rgb: [f32; 3]) -> [f32; 3] {
    CONES.map(|row| row[0] * rgb[0] + row[1] * rgb[1] + row[2] * rgb[2])
}

/// The light of an sRGB value of `bits` bits, for each of them: IEC 61966-2-1.
pub fn light(bits: u32) -> Vec<f32> {
    let full = f64::from((1u32 << bits) - 1);
    (0..1u32 << bits)
        .map(|value| f64::from(value) / full)
        .map(|v| if v <= 0.04045 { v / 12.92 } else { ((v + 0.055) / 1.055).powf(2.4) })
        .map(|light| light as f32)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_excites_all_cones_alike_and_light_is_linear() {
        for response in cones([1.0; 3]) {
            assert!((response - 1.0).abs() < 1e-3, "{response}");
        }
        assert!(CONES.iter().flatten().all(|weight| *weight > 0.0));
        let light = light(8);
        assert_eq!((light[0], light[255]), (0.0, 1.0));
        // Half of the light is the value 188 in sRGB.
        assert!((light[188] - 0.5).abs() < 0.005, "{}", light[188]);
    }
}
