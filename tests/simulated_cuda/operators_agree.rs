//! Operators of every form on the simulated device and on the CPU.

use tch::{Device, Kind, Tensor};

/// Operators on a square matrix of positive numbers, of which each gives one tensor.
type Operator = (&'static str, fn(&Tensor) -> Tensor);

const OPERATORS: [Operator; 29] = [
    ("elementwise", |x| (x * 2.0 - x.sqrt()).exp() / (x + 1.0)),
    ("in place", |x| {
        let mut y = x.copy();
        let _ = y.g_mul_(x);
        let _ = y.g_add_scalar_(1.0);
        let _ = y.get(0).zero_();
        y
    }),
    ("where", |x| x.where_self(&x.gt(0.5), &x.neg())),
    ("where with a number", |x| x.where_self(&x.gt(0.5), &Tensor::from(0f32))),
    ("kinds", |x| (x.to_kind(Kind::Double) * 3.0).to_kind(Kind::Int64).to_kind(Kind::Float)),
    ("views", |x| {
        x.transpose(0, 1).narrow(1, 1, 2).reshape([-1]).unsqueeze(0).expand([3, -1], false)
    }),
    ("a copy of a view", |x| x.transpose(0, 1).contiguous().view([-1])),
    ("products", |x| x.matmul(x).addmm(x, &x.tr())),
    ("batches", |x| x.unsqueeze(0).bmm(&x.unsqueeze(0)).squeeze_dim(0)),
    ("einsum", |x| Tensor::einsum("ij,kj->ik", &[x, x], None::<i64>)),
    ("sums", |x| x.sum_dim_intlist(1, false, Kind::Float) + x.mean(Kind::Float)),
    ("extremes", |x| x.max_dim(1, false).0 + x.amin(1, false) + x.argmax(1, false)),
    ("softmax", |x| x.softmax(1, Kind::Float) + x.log_softmax(0, Kind::Float)),
    ("norm", |x| x.norm() + x.norm_scalaropt_dim(3, 1, false).sum(Kind::Float)),
    ("sorted", |x| x.sort(1, true).0 + x.topk(4, 1, true, true).0),
    ("running sums", |x| x.cumsum(1, Kind::Float)),
    ("joined and split", |x| {
        let parts = Tensor::cat(&[x, x], 1).split(3, 1);
        Tensor::stack(&[&parts[0], &parts[1]], 0)
    }),
    ("unbound", |x| x.unbind(0).iter().fold(x.get(0), |sum, row| sum + row)),
    ("gathered", |x| {
        let places = x.argsort(1, false);
        x.gather(1, &places, false).scatter_add(1, &places, x)
    }),
    ("indexed", |x| {
        let rows = Tensor::from_slice(&[2i64, 0]).to_device(x.device());
        let picked = x.index_select(0, &rows) + x.index(&[Some(&rows)]);
        x.index_add(0, &rows, &picked).index_fill(0, &rows, 0.25)
    }),
    ("index_put", |x| {
        let mut y = x.copy();
        let rows = Tensor::from_slice(&[1i64, 1]).to_device(x.device());
        let _ = y.index_put_(&[Some(&rows)], &x.narrow(0, 0, 2), true);
        y
    }),
    ("masked", |x| x.masked_fill(&x.lt(0.5), -1.0)),
    ("made", |x| {
        let options = (Kind::Float, x.device());
        Tensor::arange(4, options)
            + Tensor::eye(4, options)
            + Tensor::linspace(0.0, 1.0, 4, options)
    }),
    ("resized out", |x| {
        let out = Tensor::zeros([0], (Kind::Float, x.device()));
        x.add_out(&out, x)
    }),
    ("written to a part", |x| {
        let out = Tensor::zeros([4, 8], (Kind::Float, x.device()));
        let _ = Tensor::mm_out(&out.narrow(1, 2, 4), x, x);
        out
    }),
    ("factorised", |x| {
        let unit = Tensor::eye(4, (Kind::Float, x.device()));
        (x.matmul(&x.tr()) + unit).linalg_cholesky(false)
    }),
    ("set data", |x| {
        let mut y = Tensor::zeros([2], (Kind::Float, x.device()));
        y.set_data(&x.get(1));
        y
    }),
    ("attention", |x| {
        let leaf = x.copy().set_requires_grad(true);
        let (q, k, v) = (leaf.view([1, 1, 4, 4]), leaf.square(), leaf.sin());
        let (k, v) = (k.view([1, 1, 4, 4]), v.view([1, 1, 4, 4]));
        let y = Tensor::scaled_dot_product_attention::<Tensor>(
            &q, &k, &v, None, 0.0, true, None, false,
        );
        Tensor::run_backward(&[y.square().sum(Kind::Float)], &[&leaf], false, false).remove(0)
    }),
    ("gradients", |x| {
        let leaf = x.copy().set_requires_grad(true);
        let loss =
            leaf.matmul(&leaf).tanh().layer_norm([4], None::<Tensor>, None::<Tensor>, 1e-5, false);
        Tensor::run_backward(&[loss.pow_tensor_scalar(2).sum(Kind::Float)], &[&leaf], false, false)
            .remove(0)
    }),
];

/// Compares all of them.
///
/// # Panics
/// Where one differs.
pub fn compare(device: Device) {
    tch::manual_seed(1);
    let host = Tensor::rand([4, 4], (Kind::Float, Device::Cpu));
    for (name, operator) in OPERATORS {
        let expected = operator(&host);
        let found = operator(&host.to_device(device));
        assert_eq!(found.device(), device, "{name}");
        assert_eq!(found.stride(), expected.stride(), "{name}");
        assert!(
            found.to_device(Device::Cpu).allclose(&expected, 1e-6, 1e-6, false),
            "{name}: {found}, {expected}"
        );
    }
}
