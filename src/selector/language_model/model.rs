//! A post-norm transformer language model whose linear layers may be selector layers.
//!
//! Axes: batch, time, d (the residual stream), V (the vocabulary). With e the embedding and p the
//! sinusoidal position code of Vaswani et al. (2017), x = scale e + p, and for each layer
//! x = norm1(x + out_proj(attention(q, k, v))), x = norm2(x + linear2(relu(linear1(x)))): the
//! layers of `nn.TransformerEncoderLayer` without dropout, under a causal mask. The logits are
//! linear_out(x).

use anyhow::Result;
use tch::{Device, Kind, Tensor};

use super::layout::{PER_LAYER, linears};
use super::linear_layer::LinearLayer;
use super::shape::TransformerShape;
use crate::lab::tensor::params::{ParamId, Params};
use crate::selector::layer::{Noise, SelectorLayer};
use crate::selector::tape::Tape;

/// PyTorch's default, added to the variance.
const NORM_EPSILON: f64 = 1e-5;

/// What is told of each linear layer, by its number in [`linears`]: its input, `[row, input]`, and
/// of a selector layer which computation neurons it selected, `[row, neuron]`.
pub type Observer<'a> = &'a mut dyn FnMut(usize, &Tensor, Option<&Tensor>);

/// What gives the noise of a linear layer's selectors, by its number in [`linears`].
pub type NoiseSource<'a> = &'a dyn Fn(usize) -> Option<Noise>;

/// The model: its layers, and which of a run's parameters are theirs.
#[derive(Debug)]
pub struct Transformer {
    heads: i64,
    scale: f64,
    /// `[word, d]`
    embedding: ParamId,
    /// `[time, d]`
    positions: Tensor,
    /// In the order of [`linears`].
    linears: Vec<LinearLayer>,
    /// norm1 and norm2 of each layer.
    norms: Vec<[Norm; 2]>,
}

/// A layer normalisation.
#[derive(Debug)]
struct Norm {
    /// `[d]`
    weight: ParamId,
    /// `[d]`
    bias: ParamId,
}

impl Norm {
    fn forward(&self, params: &Params, x: &Tensor) -> Tensor {
        let (weight, bias) = (params.of(self.weight), params.of(self.bias));
        x.layer_norm(weight.size(), Some(weight), Some(bias), NORM_EPSILON, true)
    }
}

impl Transformer {
    /// The model in `params`.
    ///
    /// # Errors
    /// An [`InvalidLayer`](crate::selector::layer::check::InvalidLayer), or a parameter that `params`
    /// doesn't have.
    pub fn new(shape: &TransformerShape, params: &Params, device: Device) -> Result<Self> {
        let linears = linears(shape)
            .iter()
            .map(|linear| LinearLayer::new(linear, shape.options, params, device))
            .collect::<Result<Vec<_>>>()?;
        let norm = |name: String| -> Result<Norm> {
            let weight = params.id(&format!("{name}.weight"))?;
            Ok(Norm { weight, bias: params.id(&format!("{name}.bias"))? })
        };
        let norms = (0..shape.layers)
            .map(|i| Ok([norm(format!("layers.{i}.norm1"))?, norm(format!("layers.{i}.norm2"))?]))
            .collect::<Result<Vec<_>>>()?;
        let embedding = params.id("embedding.weight")?;
        let options = (params.values.kind(), device);
        Ok(Self {
            heads: shape.heads,
            scale: shape.embedding_scale,
            positions: positions(shape.sequence, shape.width, options),
            embedding,
            linears,
            norms,
        })
    }

    /// Logits of the next word after each word. Where there is a tape, every input of a linear
    /// layer is cut, so that the tape can go back through the selector layers.
    ///
    /// # Shapes
    /// - tokens: `[batch, time]` i64, at most as long as the position code
    /// - noise: of the selectors of each linear layer
    /// - returns: `[batch * time, V]`
    pub fn forward<'a>(
        &'a self,
        params: &Params,
        tokens: &Tensor,
        mut tape: Option<&mut Tape<'a>>,
        noise: NoiseSource,
        observe: Observer,
    ) -> Tensor {
        let time = tokens.size()[1];
        let x = Tensor::embedding(params.of(self.embedding), tokens, -1, false, false) * self.scale;
        let x = (x + self.positions.narrow(0, 0, time)).flatten(0, 1);
        let mut x = cut(&mut tape, x);
        let mut linear = |number: usize, x: &Tensor, tape: Option<&mut Tape<'a>>| {
            let (output, choice) = self.linears[number].forward(params, x, tape, noise(number));
            observe(number, x, choice.as_ref());
            output
        };
        for (i, norms) in self.norms.iter().enumerate() {
            let mut apply = |part: usize, x: &Tensor, tape: Option<&mut Tape<'a>>| {
                linear(i * PER_LAYER + part, x, tape)
            };
            let [q, k, v] =
                [0, 1, 2].map(|part| self.split_heads(&apply(part, &x, tape.as_deref_mut()), time));
            let mixed = attention(&q, &k, &v).transpose(1, 2).flatten(2, 3).flatten(0, 1);
            let mixed = cut(&mut tape, mixed);
            let mixed = apply(3, &mixed, tape.as_deref_mut());
            x = cut(&mut tape, norms[0].forward(params, &(&x + mixed)));
            let inner = apply(4, &x, tape.as_deref_mut());
            let inner = cut(&mut tape, inner.relu());
            let outer = apply(5, &inner, tape.as_deref_mut());
            x = cut(&mut tape, norms[1].forward(params, &(&x + outer)));
        }
        linear(self.linears.len() - 1, &x, tape)
    }

    /// The selector layers with the numbers of their linear layers in [`linears`], to be changed.
    pub fn selectors_mut(&mut self) -> impl Iterator<Item = (usize, &mut SelectorLayer)> {
        let numbered = self.linears.iter_mut().enumerate();
        numbered.filter_map(|(number, linear)| Some((number, linear.selector_mut()?)))
    }

    /// The selector layers with the numbers of their linear layers in [`linears`].
    pub fn selectors(&self) -> impl Iterator<Item = (usize, &SelectorLayer)> {
        let numbered = self.linears.iter().enumerate();
        numbered.filter_map(|(number, linear)| Some((number, linear.selector()?)))
    }

    /// `[batch * time, d]` as `[batch, head, time, d / heads]`.
    fn split_heads(&self, x: &Tensor, time: i64) -> Tensor {
        let width = x.size()[1];
        x.view([-1, time, self.heads, width / self.heads]).transpose(1, 2)
    }
}

/// Cuts a tensor from its graph where there is a tape.
fn cut(tape: &mut Option<&mut Tape>, x: Tensor) -> Tensor {
    match tape {
        Some(tape) => tape.cut(&x),
        None => x,
    }
}

/// softmax(q k' / sqrt(d / heads)) v over the words before and at each word.
fn attention(q: &Tensor, k: &Tensor, v: &Tensor) -> Tensor {
    Tensor::scaled_dot_product_attention::<Tensor>(q, k, v, None, 0.0, true, None, false)
}

/// sin and cos of position / 10000^(2 i / d) in turns along the last axis: `[time, d]`.
fn positions(time: i64, width: i64, options: (Kind, Device)) -> Tensor {
    let wide = (Kind::Double, Device::Cpu);
    let channel = Tensor::arange(width, wide);
    let pair = (&channel / 2.0).floor();
    let rate = (pair * (-2.0 * 10_000_f64.ln() / width as f64)).exp();
    let angle = Tensor::arange(time, wide).unsqueeze(1) * rate;
    let even = channel.remainder(2.0).eq(0.0);
    angle.sin().where_self(&even, &angle.cos()).to_kind(options.0).to_device(options.1)
}
