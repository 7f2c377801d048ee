//! The selection by softmax and its gradients by the kernels, where they are: in f32 on the CPU.

use anyhow::Result;
use tch::{Device, Kind, Tensor};

use super::selector_layer::SelectorLayer;
use crate::lab::tensor::host_memory::{apart, as_slice, fits};
use crate::selector::kernel::{
    Axes, LogitGradient, SelectedGradient, Selection, logit_gradient, select, selected_gradient,
};

/// What the kernel selected.
pub(super) struct KernelSelection {
    /// `[.., batch, neuron]` i16
    pub(super) choice: Tensor,
    /// Outputs of the selected ones: `[.., batch, neuron]`.
    pub(super) selected: Tensor,
    /// `[.., batch, computation, neuron]`, where they were asked for.
    pub(super) probabilities: Option<Tensor>,
}

impl SelectorLayer {
    /// The selection by the logits `z`, which the probabilities take the place of where they are asked
    /// for; `z` again where the kernel isn't for its kind and device.
    ///
    /// # Shapes
    /// - z, h: `[.., batch, computation, neuron]`
    pub(super) fn select_by_kernel(
        &self,
        mut z: Tensor,
        h: &Tensor,
        softmax: bool,
    ) -> std::result::Result<KernelSelection, Tensor> {
        if !fits::<f32>(&z) || !fits::<f32>(h) {
            return Err(z);
        }
        let mut size = z.size();
        size.remove(size.len() - 2);
        let mut selected = Tensor::empty(&size, (Kind::Float, z.device()));
        let mut choice = Tensor::empty(&size, (Kind::Int16, z.device()));
        let bias = self.balance_bias.as_ref().map(|bias| bias.to_kind(Kind::Float).contiguous());
        let done =
            self.run_selection([&mut z, &mut selected], h, bias.as_ref(), &mut choice, softmax);
        expect_slices(done);
        Ok(KernelSelection { choice, selected, probabilities: softmax.then_some(z) })
    }

    fn run_selection(
        &self,
        written: [&mut Tensor; 2],
        h: &Tensor,
        bias: Option<&Tensor>,
        choice: &mut Tensor,
        softmax: bool,
    ) -> Result<()> {
        // SAFETY: nothing uses one of these tensors before the kernel is done, which is before this
        // function ends.
        let (([z, selected], [h]), ([choice], [])) =
            unsafe { (apart::<f32, 2, 1>(written, [h])?, apart::<i16, 1, 0>([choice], [])?) };
        // SAFETY: nothing writes to the bias before the kernel is done.
        let bias = bias.map(|bias| unsafe { as_slice::<f32>(bias) }).transpose()?;
        let axes = self.axes();
        // A bias is that of a replicate's samples.
        let replicates = self.leading.first().copied().unwrap_or(1) as usize;
        let (wide, narrow) = (z.len() / replicates, selected.len() / replicates);
        for replicate in 0..replicates {
            let wide = replicate * wide..(replicate + 1) * wide;
            let narrow = replicate * narrow..(replicate + 1) * narrow;
            select(Selection {
                axes,
                logits: &mut z[wide.clone()],
                outputs: &h[wide],
                bias: bias.map(|bias| {
                    let width = axes.choices * axes.neurons;
                    &bias[replicate * width..(replicate + 1) * width]
                }),
                softmax,
                selected: &mut selected[narrow.clone()],
                choice: &mut choice[narrow],
            });
        }
        Ok(())
    }

    /// p_k (h_k - Σ_j p_j h_j) δ; none where the kernel isn't for the kind and device.
    ///
    /// # Shapes
    /// - p, h: `[.., batch, computation, neuron]`
    /// - delta: `[.., batch, neuron]`
    pub(super) fn logit_gradient_by_kernel(
        &self,
        p: &Tensor,
        h: &Tensor,
        delta: &Tensor,
    ) -> Option<Tensor> {
        if !fits::<f32>(p) || !fits::<f32>(h) {
            return None;
        }
        let (mut gradient, delta) = (p.empty_like(), delta.contiguous());
        // SAFETY: nothing uses one of these tensors before the kernel is done, which is before this
        // function ends.
        let slices = unsafe { apart::<f32, 1, 3>([&mut gradient], [p, h, &delta]) };
        expect_slices(slices.map(|([gradient], [probabilities, outputs, delta])| {
            let axes = self.axes();
            logit_gradient(LogitGradient { axes, probabilities, outputs, delta, gradient });
        }));
        Some(gradient)
    }

    /// δ where a computation neuron was selected and 0 elsewhere: `[.., batch, computation, neuron]`;
    /// none where the kernel isn't for the kind and device.
    ///
    /// # Shapes
    /// - choice, delta: `[.., batch, neuron]`
    pub(super) fn selected_gradient_by_kernel(
        &self,
        choice: &Tensor,
        delta: &Tensor,
    ) -> Option<Tensor> {
        // A conversion on another device would be a launch for nothing.
        if delta.device() != Device::Cpu || delta.kind() != Kind::Float {
            return None;
        }
        let (choice, delta) = (choice.to_kind(Kind::Int16).contiguous(), delta.contiguous());
        let mut size = delta.size();
        size.insert(size.len() - 1, self.shape.choices);
        let mut gradient = Tensor::empty(&size, (Kind::Float, delta.device()));
        // SAFETY: nothing uses one of these tensors before the kernel is done, which is before this
        // function ends.
        let slices = unsafe {
            apart::<f32, 1, 1>([&mut gradient], [&delta])
                .and_then(|slices| Ok((slices, as_slice::<i16>(&choice)?)))
        };
        expect_slices(slices.map(|(([gradient], [delta]), choice)| {
            selected_gradient(SelectedGradient { axes: self.axes(), choice, delta, gradient });
        }));
        Some(gradient)
    }

    fn axes(&self) -> Axes {
        Axes { choices: self.shape.choices as usize, neurons: self.shape.neurons as usize }
    }
}

/// # Panics
/// Where a tensor that was seen to be a slice isn't one.
fn expect_slices(done: Result<()>) {
    if let Err(error) = done {
        panic!("the softmax of a selector layer: {error}");
    }
}
