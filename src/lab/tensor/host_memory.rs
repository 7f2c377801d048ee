//! The memory of tensors on the CPU, as slices: the one place that asks libtorch for an address.
//!
//! Kernels of our own read and write a tensor's numbers where they lie. Whether that is possible
//! (the kind, the device, one piece of memory) is checked here, at every call. What can't be checked
//! is who else holds the memory: `shallow_clone`, `view`, `narrow` and the like give tensors that
//! share it, libtorch's `*_out` operations write through `&Tensor`, and nothing in a tensor says how
//! many such handles there are. So the functions that give slices are `unsafe`, and that no other
//! handle is used meanwhile is what their callers vouch for.

use std::ops::Range;
use std::slice::{from_raw_parts, from_raw_parts_mut};

use anyhow::{Context, Result, ensure};
use tch::{Device, Kind, Tensor};

mod sealed {
    pub trait Sealed {}
}

/// A Rust type that lies in memory as the elements of one of libtorch's kinds do.
///
/// It is sealed: a type of another size or alignment than its kind would read out of bounds.
pub trait Element: sealed::Sealed + Copy {
    /// The kind of the tensors that hold it.
    const KIND: Kind;
}

macro_rules! elements {
    ($($element:ty => $kind:ident),*) => {$(
        impl sealed::Sealed for $element {}
        impl Element for $element {
            const KIND: Kind = Kind::$kind;
        }
    )*};
}
elements!(f32 => Float, f64 => Double, i16 => Int16, bool => Bool);

/// The elements of a tensor in row-major order.
///
/// # Errors
/// Where the tensor is of another kind, not on the CPU, or not contiguous.
///
/// # Safety
/// Until the slice is gone, nothing writes to this memory: neither through this tensor nor through
/// another one that shares it, on any thread. A tensor of `bool` holds bytes of 0 and 1 only, as
/// every operation of libtorch writes them; one that reinterprets other bytes (`view_dtype`) might
/// not.
pub unsafe fn as_slice<T: Element>(tensor: &Tensor) -> Result<&[T]> {
    let (start, length) = memory::<T>(tensor)?;
    if length == 0 {
        // The address of no memory is null, which a slice's must not be.
        return Ok(&[]);
    }
    // SAFETY: `memory` has checked that `length` elements of this type lie at `start`, aligned and in
    // one piece; the tensor owns them and outlives the slice, and the caller vouches that nobody
    // writes to them.
    Ok(unsafe { from_raw_parts(start, length) })
}

/// Slices of what is written and of what is read.
pub type Slices<'a, T, const W: usize, const R: usize> = ([&'a mut [T]; W], [&'a [T]; R]);

/// The elements of several tensors in row-major order, some of them to write to, after a look that
/// nothing that is written lies in the memory of another one. libtorch doesn't notice what is written:
/// a graph that has kept the tensor for its backward pass computes with the new values.
///
/// # Errors
/// As [`as_slice`], and where a tensor that is written shares memory with another one.
///
/// # Safety
/// Until the slices are gone, no tensor but these is used that shares memory with them, on any thread.
/// Of `bool` as in [`as_slice`].
pub unsafe fn apart<'a, T: Element, const W: usize, const R: usize>(
    written: [&'a mut Tensor; W],
    read: [&'a Tensor; R],
) -> Result<Slices<'a, T, W, R>> {
    let mut taken = [const { 0..0 }; W];
    for (i, tensor) in written.iter().enumerate() {
        let here = located(tensor, T::KIND)?;
        ensure!(!taken[..i].iter().any(|other| meet(other, &here)), SHARED);
        taken[i] = here;
    }
    let mut others = [const { 0..0 }; R];
    for (other, tensor) in others.iter_mut().zip(read) {
        *other = located(tensor, T::KIND)?;
        ensure!(!taken.iter().any(|here| meet(here, other)), SHARED);
    }
    let length = |of: &Range<usize>| (of.end - of.start) / size_of::<T>();
    // SAFETY: `located` has checked each range, and no range that is written meets another. The
    // tensors own the memory and outlive the slices, and the caller vouches for everyone else.
    Ok(unsafe {
        (
            taken.map(|of| match length(&of) {
                0 => &mut [][..],
                count => from_raw_parts_mut(of.start as *mut T, count),
            }),
            others.map(|of| match length(&of) {
                0 => &[][..],
                count => from_raw_parts(of.start as *const T, count),
            }),
        )
    })
}

const SHARED: &str = "a tensor that is written shares its memory with another one";

fn meet(a: &Range<usize>, b: &Range<usize>) -> bool {
    a.start.max(b.start) < a.end.min(b.end)
}

/// The bytes of a tensor of any kind.
///
/// # Errors
/// Where the tensor is not on the CPU, or not contiguous.
///
/// # Safety
/// Until the slice is gone, nothing writes to this memory, as in [`as_slice`].
pub unsafe fn as_bytes(tensor: &Tensor) -> Result<&[u8]> {
    let Range { start, end } = located(tensor, tensor.kind())?;
    if start == end {
        return Ok(&[]);
    }
    // SAFETY: `located` has checked that the elements lie from `start` to `end` in one piece; each
    // byte of a number is a valid u8, the tensor owns them and outlives the slice, and the caller
    // vouches that nobody writes to them.
    Ok(unsafe { from_raw_parts(tensor.data_ptr().cast::<u8>(), end - start) })
}

/// Whether a tensor's memory can be a slice of this type: it is of its kind, on the CPU and
/// contiguous.
pub fn fits<T: Element>(tensor: &Tensor) -> bool {
    addresses(tensor, T::KIND).is_some()
}

/// Where the elements begin, and how many there are.
fn memory<T: Element>(tensor: &Tensor) -> Result<(*mut T, usize)> {
    let Range { start, end } = located(tensor, T::KIND)?;
    Ok((tensor.data_ptr().cast::<T>(), (end - start) / size_of::<T>()))
}

/// The addresses of a tensor's elements, or why it is no slice.
fn located(tensor: &Tensor, kind: Kind) -> Result<Range<usize>> {
    addresses(tensor, kind).with_context(|| {
        format!("expected a contiguous {kind:?} tensor on the CPU, got {}", described(tensor))
    })
}

/// The addresses of a tensor's elements, if they are of this kind and lie in one piece on the CPU,
/// aligned.
fn addresses(tensor: &Tensor, kind: Kind) -> Option<Range<usize>> {
    // A lazily negated view has its numbers nowhere in memory, and a sparse tensor no address.
    let plain = tensor.kind() == kind
        && tensor.device() == Device::Cpu
        && !tensor.is_sparse()
        && !tensor.is_mkldnn()
        && tensor.is_contiguous()
        && !tensor.is_neg();
    if !plain {
        return None;
    }
    let (count, size) = (tensor.numel(), kind.elt_size_in_bytes());
    if count == 0 {
        return Some(0..0);
    }
    let start = tensor.data_ptr() as usize;
    (start != 0 && start.is_multiple_of(size)).then(|| start..start + count * size)
}

fn described(tensor: &Tensor) -> String {
    let state = match () {
        () if tensor.is_sparse() || tensor.is_mkldnn() => ", not dense",
        () if tensor.is_neg() => ", negated when it is read",
        () if !tensor.is_contiguous() => ", not contiguous",
        () => "",
    };
    format!("{:?} {:?} on {:?}{state}", tensor.kind(), tensor.size(), tensor.device())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of a tensor that no one else holds while the slice is there.
    fn read<T: Element>(tensor: &Tensor) -> Result<Vec<T>> {
        // SAFETY: the slice is gone when this function returns, and this thread alone has the tensor.
        unsafe { as_slice::<T>(tensor) }.map(<[T]>::to_vec)
    }

    #[test]
    fn elements_are_where_libtorch_has_them() {
        let matrix = Tensor::arange(6, (Kind::Double, Device::Cpu)).view([2, 3]);
        assert_eq!(read::<f64>(&matrix).unwrap(), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
        assert_eq!(read::<f64>(&matrix.get(1)).unwrap(), [3.0, 4.0, 5.0]);
        assert_eq!(read::<bool>(&matrix.gt(3.5)).unwrap()[3..], [false, true, true]);
        assert_eq!(read::<i16>(&matrix.to_kind(Kind::Int16)).unwrap()[4], 4);
        // SAFETY: nobody writes to the matrix meanwhile.
        assert_eq!(unsafe { as_bytes(&matrix) }.unwrap().len(), 48);
    }

    #[test]
    fn nothing_is_an_empty_slice() {
        let nothing = Tensor::zeros([0, 3], (Kind::Float, Device::Cpu));
        assert!(read::<f32>(&nothing).unwrap().is_empty());
        // SAFETY: there is no memory to share.
        unsafe {
            assert!(as_bytes(&nothing).unwrap().is_empty());
        }
        let mut again = nothing.shallow_clone();
        // SAFETY: there is no memory to share.
        assert!(unsafe { apart::<f32, 1, 1>([&mut again], [&nothing]) }.is_ok());
    }

    #[test]
    fn what_is_no_slice_is_an_error_that_says_why() {
        let matrix = Tensor::zeros([2, 3], (Kind::Float, Device::Cpu));
        let cases = [
            (matrix.to_kind(Kind::Half), "Half [2, 3] on Cpu"),
            (matrix.tr(), "Float [3, 2] on Cpu, not contiguous"),
            (matrix.to_sparse(None, None::<i64>, None), "Float [2, 3] on Cpu, not dense"),
            (matrix.internal_neg_view(), "Float [2, 3] on Cpu, negated when it is read"),
        ];
        for (mut tensor, got) in cases {
            let message = format!("expected a contiguous Float tensor on the CPU, got {got}");
            assert_eq!(read::<f32>(&tensor).unwrap_err().to_string(), message);
            // SAFETY: this thread alone has the tensor.
            let written = unsafe { apart::<f32, 1, 0>([&mut tensor], []) };
            assert_eq!(written.unwrap_err().to_string(), message);
        }
        let error = read::<f64>(&matrix).unwrap_err().to_string();
        assert_eq!(
            error,
            "expected a contiguous Double tensor on the CPU, got Float [2, 3] on Cpu"
        );
    }

    #[test]
    fn what_is_written_lies_apart_from_the_rest() {
        let all = Tensor::zeros([4, 8], (Kind::Float, Device::Cpu));
        let said = |mut a: Tensor, mut b: Tensor, c: &Tensor| {
            // SAFETY: nothing is done with the slices.
            let slices = unsafe { apart::<f32, 2, 1>([&mut a, &mut b], [c]) };
            slices.err().map(|error| error.to_string())
        };
        assert_eq!(said(all.get(0), all.get(1), &all.get(2)), None);
        let shared = Some(SHARED.to_string());
        assert_eq!(said(all.get(0), all.get(0), &all.get(2)), shared);
        assert_eq!(said(all.get(0), all.get(1), &all.get(1)), shared);
        assert_eq!(said(all.get(0), all.get(3), &all.view(-1).narrow(0, 7, 2)), shared);
        assert!(said(all.get(0), all.tr(), &all.get(2)).unwrap().contains("not contiguous"));

        let (mut a, b) = (all.get(0), all.get(1) + 2.0);
        // SAFETY: `all` shares the memory of `a`, and is not used before the slices are gone.
        let ([a], [b]) = unsafe { apart::<f32, 1, 1>([&mut a], [&b]) }.unwrap();
        a.copy_from_slice(b);
        assert_eq!(all.double_value(&[0, 7]), 2.0);
    }
}
