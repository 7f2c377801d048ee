//! The optimizers against PyTorch's, and what a run needs of them: a flag that holds a step back,
//! and a state that continues to the bit.

#![allow(clippy::unwrap_used)]

use neuron_lab::lab::tensor::optim::OptimizerKind::{Adam, Adamw, Momentum, Nesterov, Sgd};
use neuron_lab::lab::tensor::optim::finite::FoundInf;
use neuron_lab::lab::tensor::optim::{Optimizer, OptimizerConfig, OptimizerKind};
use std::collections::HashMap;
use tch::{Device, Kind, Tensor};

const STEPS: [usize; 4] = [1, 2, 10, 200];

/// The first parameter of the first replicate and the last of the last one, after [`STEPS`], as
/// scripts/reference/optimizers.py prints them: torch.optim's optimizers step 200 times on
///
/// ```python
/// i = torch.arange(5, dtype=dtype)
/// r = torch.arange(2, dtype=dtype)[:, None]
/// curvature, target = (1 + i) / 4, 1 - r / 2 - i / 5
/// start = (i - 2) / 2 + r
/// p.grad = curvature * (p - target) + p**3 / 10
/// ```
#[derive(Clone)]
struct Case {
    config: OptimizerConfig,
    lr: f64,
    f64: [(f64, f64); 4],
    f32: [(f64, f64); 4],
}

#[rustfmt::skip]
fn cases() -> Vec<Case> {
    vec![
        Case { lr: 0.05, config: OptimizerConfig { kind: Sgd, ..Default::default() }, f64: [(-0.97, 1.81625), (-0.940811635, 1.6540274738574219), (-0.7316090172494704, 0.8035952504231901), (0.7518614623013892, -0.2978812583697357)], f32: [(-0.9699999690055847, 1.816249966621399), (-0.9408115744590759, 1.6540274620056152), (-0.7316089868545532, 0.8035951852798462), (0.751861572265625, -0.2978813052177429)] },
        Case { lr: 0.05, config: OptimizerConfig { kind: Sgd, weight_decay: 0.1, ..Default::default() }, f64: [(-0.965, 1.80625), (-0.931119339375, 1.6361133190917967), (-0.6932081386715213, 0.7597888493799732), (0.6182917830586496, -0.27621529229721725)], f32: [(-0.9649999737739563, 1.806249976158142), (-0.9311193227767944, 1.6361132860183716), (-0.6932081580162048, 0.7597888112068176), (0.6182916760444641, -0.2762153148651123)] },
        Case { lr: 0.02, config: OptimizerConfig { kind: Momentum, ..Default::default() }, f64: [(-0.988, 1.9265), (-0.965331139456, 1.79038746713075), (-0.5446674739359324, -0.14955843788623502), (0.7973174738781051, -0.29782480589992133)], f32: [(-0.9879999756813049, 1.9264999628067017), (-0.9653311371803284, 1.7903873920440674), (-0.5446675419807434, -0.14955838024616241), (0.7973174452781677, -0.29782482981681824)] },
        Case { lr: 0.02, config: OptimizerConfig { kind: Momentum, dampening: 0.3, weight_decay: 0.1, ..Default::default() }, f64: [(-0.986, 1.9225), (-0.9637265806416, 1.8012169491781251), (-0.5996617493745383, 0.1871410225986157), (0.6395057507500238, -0.2762021637857394)], f32: [(-0.9860000014305115, 1.9225000143051147), (-0.9637265801429749, 1.801216959953308), (-0.5996617674827576, 0.18714125454425812), (0.6395056843757629, -0.27620211243629456)] },
        Case { lr: 0.02, config: OptimizerConfig { kind: Nesterov, ..Default::default() }, f64: [(-0.9772, 1.86035), (-0.9451506388629376, 1.673732115798347), (-0.4966540213722951, -0.18269091248093677), (0.7972861529031388, -0.2978830811344842)], f32: [(-0.9771999716758728, 1.8603500127792358), (-0.94515061378479, 1.6737321615219116), (-0.49665403366088867, -0.18269087374210358), (0.7972862720489502, -0.2978830635547638)] },
        Case { lr: 0.02, config: OptimizerConfig { kind: Nesterov, weight_decay: 0.1, ..Default::default() }, f64: [(-0.9734, 1.85275), (-0.9361090253361648, 1.6565112950528467), (-0.4258663658858825, -0.25401806495279183), (0.6395641066827794, -0.27621315521681805)], f32: [(-0.9733999967575073, 1.8527500629425049), (-0.9361090064048767, 1.6565113067626953), (-0.42586636543273926, -0.25401797890663147), (0.6395640969276428, -0.2762131690979004)] },
        Case { lr: 0.01, config: OptimizerConfig { kind: Adam, ..Default::default() }, f64: [(-0.9900000001666667, 1.990000000027211), (-0.9800024924080238, 1.9800017949469142), (-0.9003054652969462, 1.9002226791378352), (0.45186638729046164, 0.4944908477811894)], f32: [(-0.9900000095367432, 1.9900000095367432), (-0.9800025224685669, 1.9800018072128296), (-0.900305449962616, 1.9002227783203125), (0.4518662095069885, 0.4944916069507599)] },
        Case { lr: 0.01, config: OptimizerConfig { kind: Adam, beta1: 0.8, beta2: 0.99, eps: 1e-3, weight_decay: 0.1, ..Default::default() }, f64: [(-0.9900142653352354, 1.9900025799793601), (-0.9800336157319111, 1.980008714743574), (-0.9007394739964838, 1.9004487973947242), (0.3990316064528194, 0.4616176274090834)], f32: [(-0.9900142550468445, 1.9900026321411133), (-0.9800335764884949, 1.9800087213516235), (-0.9007394313812256, 1.9004489183425903), (0.39903131127357483, 0.461618036031723)] },
        Case { lr: 0.01, config: OptimizerConfig { kind: Adamw, ..Default::default() }, f64: [(-0.9900000001666667, 1.990000000027211), (-0.9800024924080238, 1.9800017949469142), (-0.9003054652969462, 1.9002226791378352), (0.45186638729046164, 0.4944908477811894)], f32: [(-0.9900000095367432, 1.9900000095367432), (-0.9800025224685669, 1.9800018072128296), (-0.900305449962616, 1.9002227783203125), (0.4518662095069885, 0.4944916069507599)] },
        Case { lr: 0.01, config: OptimizerConfig { kind: Adamw, beta1: 0.8, beta2: 0.99, eps: 1e-3, weight_decay: 0.1, ..Default::default() }, f64: [(-0.9890166389351082, 1.9880027203482045), (-0.9780497976108196, 1.9760217748713569), (-0.8913005449814247, 1.8810792454031968), (0.4925597816770189, 0.3202651494373227)], f32: [(-0.9890166521072388, 1.9880027770996094), (-0.9780498147010803, 1.9760218858718872), (-0.891300618648529, 1.8810796737670898), (0.4925592839717865, 0.3202674984931946)] },
    ]
}

/// The parameters at the start, `[2, 5]`.
fn start(kind: Kind) -> Tensor {
    let options = (kind, Device::Cpu);
    (Tensor::arange(5, options) - 2.0) / 2.0 + Tensor::arange(2, options).view([2, 1])
}

fn gradient(p: &Tensor) -> Tensor {
    let options = (p.kind(), Device::Cpu);
    let i = Tensor::arange(5, options);
    let r = Tensor::arange(2, options).view([2, 1]);
    let target = 1.0 - r / 2.0 - &i / 5.0;
    (1.0 + i) / 4.0 * (p - target) + p.pow_tensor_scalar(3) / 10.0
}

fn assert_follows(case: &Case, kind: Kind, expected: &[(f64, f64); 4], tolerance: f64) {
    let mut p = start(kind);
    let mut optimizer = Optimizer::new(case.config.clone(), &p);
    for step in 1..=STEPS[3] {
        let g = gradient(&p);
        optimizer.step(&mut p, &g, case.lr, None);
        let Some(at) = STEPS.iter().position(|s| *s == step) else { continue };
        for (found, wanted) in
            [(p.double_value(&[0, 0]), expected[at].0), (p.double_value(&[1, 4]), expected[at].1)]
        {
            let error = ((found - wanted) / wanted).abs();
            assert!(error < tolerance, "{:?} step {step}: {found}, not {wanted}", case.config);
        }
    }
}

#[test]
fn two_hundred_steps_follow_pytorch() {
    tch::set_num_threads(1);
    for case in cases() {
        assert_follows(&case, Kind::Double, &case.f64, 1e-12);
        assert_follows(&case, Kind::Float, &case.f32, 1e-5);
    }
}

/// Everything that a step may change, by name.
fn everything(p: &Tensor, optimizer: &Optimizer) -> Vec<(String, Tensor)> {
    let state = optimizer.buffers().into_iter().map(|(name, t)| (name.to_string(), t.copy()));
    let updates = Tensor::from(optimizer.updates().unwrap());
    state.chain([("step".to_string(), updates), ("parameters".to_string(), p.copy())]).collect()
}

/// Equal to the bit: unlike `==`, this tells -0 from 0 and NaN from nothing.
fn assert_same_bits(a: &[(String, Tensor)], b: &[(String, Tensor)], what: &str) {
    let names = |s: &[(String, Tensor)]| s.iter().map(|(n, _)| n.clone()).collect::<Vec<_>>();
    assert_eq!(names(a), names(b));
    for ((name, a), (_, b)) in a.iter().zip(b) {
        let bits = |t: &Tensor| match t.kind() {
            Kind::Float => t.view_dtype(Kind::Int),
            Kind::Double => t.view_dtype(Kind::Int64),
            _ => t.shallow_clone(),
        };
        assert!(bits(a).equal(&bits(b)), "{what}: {name} differs: {a} {b}");
    }
}

/// Every case in both kinds, which take different ways through Adam.
fn cases_of_both_kinds() -> impl Iterator<Item = (Case, Kind)> {
    cases().into_iter().flat_map(|case| [(case.clone(), Kind::Float), (case, Kind::Double)])
}

#[test]
fn a_true_flag_gives_the_bits_of_no_flag() {
    tch::set_num_threads(1);
    for (case, kind) in cases_of_both_kinds() {
        let (mut plain, mut flagged) = (start(kind), start(kind));
        let mut a = Optimizer::new(case.config.clone(), &plain);
        let mut b = Optimizer::new(case.config.clone(), &flagged);
        for step in 0..20 {
            let g = gradient(&plain);
            a.step(&mut plain, &g, case.lr, None);
            // Flagged steps and others may alternate.
            let found = (step % 5 != 4).then(|| FoundInf::new(Device::Cpu));
            b.step(&mut flagged, &g, case.lr, found.as_ref());
        }
        let what = format!("{:?}, {kind:?}", case.config);
        assert_same_bits(&everything(&plain, &a), &everything(&flagged, &b), &what);
    }
}

#[test]
fn a_false_flag_changes_nothing_whatever_the_gradient() {
    tch::set_num_threads(1);
    for ((case, kind), steps_before) in cases_of_both_kinds().flat_map(|c| [(c.clone(), 0), (c, 3)])
    {
        let mut p = start(kind);
        _ = p.get(0).get(0).fill_(-0.0);
        let mut optimizer = Optimizer::new(case.config.clone(), &p);
        for _ in 0..steps_before {
            let g = gradient(&p);
            optimizer.step(&mut p, &g, case.lr, None);
        }
        let before = everything(&p, &optimizer);
        let mut found = FoundInf::new(Device::Cpu);
        found.take_flag(&Tensor::from(false));
        for bad in [f64::NAN, f64::INFINITY, 1.0] {
            let g = Tensor::full([2, 5], bad, (kind, Device::Cpu));
            optimizer.step(&mut p, &g, case.lr, Some(&found));
        }
        let what = format!("{:?}, {kind:?} after {steps_before}", case.config);
        assert_same_bits(&before, &everything(&p, &optimizer), &what);
    }
}

#[test]
fn one_pass_and_many_agree_at_every_length() {
    for case in cases() {
        for length in [1, 7, 8, 9, 1031] {
            // The single pass is for one libtorch thread.
            let [one, many] = [1, 2].map(|threads| {
                tch::set_num_threads(threads);
                tch::manual_seed(0);
                let mut p = Tensor::randn([2, length], (Kind::Float, Device::Cpu));
                let mut optimizer = Optimizer::new(case.config.clone(), &p);
                for _ in 0..20 {
                    let g = p.sin() + 0.1;
                    optimizer.step(&mut p, &g, case.lr, None);
                }
                p
            });
            tch::set_num_threads(1);
            let same = one.allclose(&many, 1e-5, 1e-6, false);
            assert!(same, "{:?}, {length} parameters: {one} {many}", case.config);
        }
    }
}

#[test]
fn a_loaded_state_continues_to_the_bit() {
    tch::set_num_threads(1);
    for case in cases() {
        let mut p = start(Kind::Float);
        let mut optimizer = Optimizer::new(case.config.clone(), &p);
        let mut saved = HashMap::new();
        for step in 0..20 {
            if step == 7 {
                saved.extend(everything(&p, &optimizer));
            }
            let g = gradient(&p);
            optimizer.step(&mut p, &g, case.lr, None);
        }

        let mut again = saved["parameters"].copy();
        let mut resumed = Optimizer::new(case.config.clone(), &again);
        for (name, buffer) in resumed.buffers() {
            buffer.shallow_clone().copy_(&saved[name]);
        }
        resumed.set_updates(7);
        for _ in 7..20 {
            let g = gradient(&again);
            resumed.step(&mut again, &g, case.lr, None);
        }
        let what = format!("{:?}", case.config);
        assert_same_bits(&everything(&p, &optimizer), &everything(&again, &resumed), &what);
    }
}

#[test]
fn the_state_has_pytorchs_names() {
    let names = |kind: OptimizerKind| {
        let config = OptimizerConfig { kind, ..Default::default() };
        let optimizer = Optimizer::new(config, &start(Kind::Float));
        optimizer.buffers().into_iter().map(|(name, _)| name).collect::<Vec<_>>()
    };
    assert!(names(Sgd).is_empty());
    assert_eq!(names(Momentum), ["momentum_buffer"]);
    assert_eq!(names(Nesterov), ["momentum_buffer"]);
    assert_eq!(names(Adam), ["exp_avg", "exp_avg_sq"]);
    assert_eq!(names(Adamw), ["exp_avg", "exp_avg_sq"]);
}

#[test]
fn parameters_that_require_a_gradient_are_stepped_in_place() {
    let mut p = start(Kind::Float).set_requires_grad(true);
    let same_memory = p.detach();
    let config = OptimizerConfig { kind: Adam, ..Default::default() };
    let mut optimizer = Optimizer::new(config, &p);
    optimizer.step(&mut p, &Tensor::ones([2, 5], (Kind::Float, Device::Cpu)), 0.1, None);
    assert!(p.requires_grad() && p.is_leaf());
    assert_eq!(same_memory, p);
    assert!((p.double_value(&[0, 0]) - -1.1).abs() < 1e-6);
}
