use super::*;
use tch::{Device, Kind};

const OPTIONS: (Kind, Device) = (Kind::Double, Device::Cpu);

fn shape(name: &str, kernel: i64, colours: i64) -> Box<dyn FilterShape> {
    tch::set_num_threads(1);
    shape_with(name, kernel, colours, ShapeOptions::default())
}

fn shape_with(
    name: &str,
    kernel: i64,
    colours: i64,
    options: ShapeOptions,
) -> Box<dyn FilterShape> {
    tch::set_num_threads(1);
    of(name, PatchShape { kernel, colours, masked: true }, options).unwrap().unwrap()
}

fn drawn(shape: &dyn FilterShape, neurons: i64) -> Vec<Tensor> {
    let all = shape.initial(neurons, 3);
    all.into_iter().map(|(_, value)| value.to_kind(Kind::Double)).collect()
}

/// The filter of a = e^-3 + e^-3, b = e^-3, c = 1/2 in the middle of a patch of 18 x 18: computed
/// in numpy, float64, w / |w| with w = exp(-a d) - c exp(-b d), d the squared distance.
#[test]
fn the_difference_of_gaussians_has_its_known_values() {
    let shape = shape("difference-of-gaussian", 18, 1);
    let centres = Tensor::full([1, 2], 8.5, OPTIONS);
    let parameters = Tensor::from_slice(&[-3.0, -3.0, 0.0, 1.7]).view([4, 1]);
    let filter = shape.filters(&[centres, parameters]).view([18, 18]);
    assert!((filter.double_value(&[8, 8]) - 0.286031785).abs() < 1e-9);
    assert!((filter.double_value(&[0, 0]) + 0.000231236).abs() < 1e-9);
    // It crosses zero at sqrt(ln 2 / e^-3) = 3.731251 pixels from the centre.
    let sign = |row: i64| filter.double_value(&[row, 8]).signum();
    let crossing: f64 = 3.731251;
    assert!(((8.5 - 5.0f64).powi(2) + 0.25).sqrt() < crossing && sign(5) > 0.0);
    assert!(((8.5 - 4.0f64).powi(2) + 0.25).sqrt() > crossing && sign(4) < 0.0);
}

#[test]
fn every_shape_has_filters_of_norm_one_and_both_signs() {
    for (name, _) in Profile::NAMES {
        for colours in [1, 3] {
            let shape = shape(name, 8, colours);
            let filters = shape.filters(&drawn(&*shape, 40));
            assert_eq!(filters.size(), [64 * colours, 40]);
            let norms = filters.square().sum_dim_intlist(0, false, Kind::Double);
            assert!((norms - 1.0).abs().max().double_value(&[]) < 1e-12, "{name}");
            let extreme = filters.max_dim(0, false).0 + filters.min_dim(0, false).0;
            let positive = extreme.gt(0.0).sum(Kind::Int64).int64_value(&[]);
            assert!((5..36).contains(&positive), "{name}: {positive}");
        }
    }
}

#[test]
fn the_gradient_of_every_shape_is_the_difference_quotient() {
    for (name, _) in Profile::NAMES {
        for (colours, shared) in [(1, false), (3, false), (3, true)] {
            let options = ShapeOptions { shared, ..ShapeOptions::default() };
            let shape = shape_with(name, 7, colours, options);
            let parameters = drawn(&*shape, 3);
            tch::manual_seed(5);
            let gradient = Tensor::randn([49 * colours, 3], OPTIONS);
            let found = shape.backward(&parameters, &gradient);
            for (which, found) in found.iter().enumerate() {
                assert_eq!(found.size(), parameters[which].size());
                for i in 0..parameters[which].numel() as i64 {
                    let product = |step: f64| {
                        let moved: Vec<Tensor> = parameters.iter().map(Tensor::copy).collect();
                        let _ = moved[which].view([-1]).get(i).g_add_scalar_(step);
                        (shape.filters(&moved) * &gradient).sum(Kind::Double).double_value(&[])
                    };
                    let quotient = (product(1e-5) - product(-1e-5)) / 2e-5;
                    let value = found.reshape([-1]).double_value(&[i]);
                    assert!(
                        (value - quotient).abs() < 1e-7,
                        "{name} {which} {i}: {value} {quotient}"
                    );
                }
            }
        }
    }
}

#[test]
fn filters_that_share_a_shape_differ_by_their_place_and_sign() {
    let options = ShapeOptions { centres: Centres::Hexagonal, mosaics: 2, shared: true };
    let shape = shape_with("difference-of-gaussian", 17, 3, options);
    let parameters = drawn(&*shape, 14);
    assert_eq!(parameters[0].size(), [14, 2]);
    assert_eq!(parameters[1].size(), [12, 1]);
    assert_eq!(shape.fixed(), ["encoder.kernel_centers"]);
    let filters = shape.filters(&parameters);
    // The second mosaic is the first with the other sign.
    assert_eq!(filters.narrow(1, 0, 7), -filters.narrow(1, 7, 7));
    // One filter of the same parameters in the middle, where the first centre is.
    let single = shape_with("difference-of-gaussian", 17, 3, ShapeOptions::default());
    assert!(single.fixed().is_empty());
    let middle = Tensor::full([1, 2], 8.0, OPTIONS);
    let alone = single.filters(&[middle, parameters[1].shallow_clone()]);
    assert!((alone + filters.narrow(1, 0, 1)).abs().max().double_value(&[]) < 1e-12);
}

#[test]
fn jitter_moves_centres_and_keeps_them_in_the_disc() {
    let shape = shape("difference-of-gaussian", 12, 1);
    for power in [0.5, 4.0] {
        let before = drawn(&*shape, 500);
        let after = shape.jittered(&before, power, 1, 20);
        let distance = (&after[0] - 5.5).square().sum_dim_intlist(1, false, Kind::Double);
        let far = distance.max().double_value(&[]).sqrt();
        let moved = (&after[0] - &before[0]).std(true).double_value(&[]);
        assert!(moved > 0.4 * power && far <= 5.5, "{power}: {moved} {far}");
        assert_eq!(shape.jittered(&before, power, 1, 20), after);
        assert_eq!(after[1], before[1]);
    }
}

#[test]
fn an_unknown_shape_is_refused_and_free_is_none() {
    let patch = PatchShape { kernel: 8, colours: 1, masked: true };
    let options = ShapeOptions::default();
    assert!(of("free", patch, options).unwrap().is_none());
    let line = of("difference-of-gausian", patch, options).err().unwrap().to_string();
    assert!(line.contains("did you mean \"difference-of-gaussian\"?"), "{line}");
}
