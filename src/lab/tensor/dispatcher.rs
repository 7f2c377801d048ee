//! libtorch's operators that tch has no function for, called by name through libtorch's C interface.

use std::ffi::{CStr, c_char, c_void};
use std::ptr::null_mut;

use anyhow::{Result, ensure};
use tch::Tensor;
use torch_sys::C_tensor;

// The interface is that of `torch/csrc/stable/c/shim.h`. All give 0 where they succeeded.
unsafe extern "C" {
    /// Takes what the stack's values own, and leaves the results there.
    fn torch_call_dispatcher(
        name: *const c_char,
        overload: *const c_char,
        stack: *mut u64,
        version: u64,
    ) -> i32;
    fn torch_new_list_reserve_size(size: usize, list: *mut *mut c_void) -> i32;
    fn torch_list_push_back(list: *mut c_void, element: u64) -> i32;
    fn torch_new_stable_ivalue(value: *mut *mut u64) -> i32;
    fn aoti_torch_new_tensor_handle(tensor: *mut C_tensor, handle: *mut *mut C_tensor) -> i32;
    /// The last error's message, of this thread.
    fn torch_exception_get_what_without_backtrace() -> *const c_char;
    safe fn aoti_torch_abi_version() -> u64;
}

/// An argument of an operator, of the type that its schema has there.
#[derive(Debug, Clone, Copy)]
pub(super) enum Argument<'a> {
    /// `float`
    Float(f64),
    /// `bool`
    Bool(bool),
    /// `Tensor`
    Tensor(&'a Tensor),
    /// `Tensor?`
    Optional(Option<&'a Tensor>),
    /// `Tensor[]`
    List(&'a [&'a Tensor]),
}

impl Argument<'_> {
    /// The value as the interface takes it, which owns what it refers to.
    fn into_value(self) -> u64 {
        match self {
            Self::Float(number) => number.to_bits(),
            Self::Bool(flag) => u64::from(flag),
            Self::Tensor(tensor) => handle(tensor),
            Self::Optional(None) => 0,
            Self::Optional(Some(tensor)) => {
                let mut place = null_mut();
                // SAFETY: a place for one value, which is written before anyone reads it.
                unsafe {
                    expect(torch_new_stable_ivalue(&mut place));
                    place.write(handle(tensor));
                }
                place.expose_provenance() as u64
            }
            Self::List(tensors) => {
                let mut list = null_mut();
                // SAFETY: the list is made by the first call and owned here until the end.
                unsafe {
                    expect(torch_new_list_reserve_size(tensors.len(), &mut list));
                    for tensor in tensors {
                        expect(torch_list_push_back(list, handle(tensor)));
                    }
                }
                list.expose_provenance() as u64
            }
        }
    }
}

/// A reference to a tensor, to be owned by whoever gets it.
fn handle(tensor: &Tensor) -> u64 {
    let mut handle = null_mut();
    // SAFETY: a tensor of tch is a pointer to libtorch's, of which this makes another reference.
    let status = unsafe { aoti_torch_new_tensor_handle(tensor.as_ptr().cast_mut(), &mut handle) };
    expect(status);
    handle.expose_provenance() as u64
}

/// Calls an operator that gives nothing back but what it writes into its arguments.
///
/// # Safety
/// There must be as many arguments as the operator's schema has, each of the type that it has there,
/// and the schema must have no result.
///
/// # Errors
/// Where the operator fails, with libtorch's message.
pub(super) unsafe fn f_call(name: &CStr, arguments: &[Argument]) -> Result<()> {
    let mut stack: Vec<u64> = arguments.iter().map(|argument| argument.into_value()).collect();
    let overload = c"".as_ptr();
    // SAFETY: the caller has checked the stack against the schema.
    let status = unsafe {
        let version = aoti_torch_abi_version();
        torch_call_dispatcher(name.as_ptr(), overload, stack.as_mut_ptr(), version)
    };
    checked(status)
}

/// As [`f_call`], of an operator that can't fail with these arguments.
///
/// # Safety
/// As [`f_call`].
///
/// # Panics
/// Where it does, with libtorch's message, as tch's functions do.
pub(super) unsafe fn call(name: &CStr, arguments: &[Argument]) {
    // SAFETY: the caller has checked the arguments against the schema.
    if let Err(error) = unsafe { f_call(name, arguments) } {
        panic!("{}: {error}", name.to_string_lossy());
    }
}

fn checked(status: i32) -> Result<()> {
    // SAFETY: libtorch keeps the message until the next error of this thread.
    let message = || unsafe { CStr::from_ptr(torch_exception_get_what_without_backtrace()) };
    ensure!(status == 0, "{}", message().to_string_lossy());
    Ok(())
}

fn expect(status: i32) {
    if let Err(error) = checked(status) {
        panic!("{error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(gradient: &[f32]) -> (Tensor, Tensor) {
        let gradient = Tensor::from_slice(gradient);
        let (found, scale) = (Tensor::from(0f32), Tensor::from(2f32));
        let arguments =
            [Argument::List(&[&gradient]), Argument::Tensor(&found), Argument::Tensor(&scale)];
        // SAFETY: (Tensor[] self, Tensor found_inf, Tensor inv_scale) -> ()
        unsafe { call(c"aten::_amp_foreach_non_finite_check_and_unscale_", &arguments) };
        (gradient, found)
    }

    #[test]
    fn an_operator_writes_into_its_arguments() {
        let (scaled, found) = check(&[1.0, -3.0]);
        assert_eq!(scaled, Tensor::from_slice(&[2f32, -6.0]));
        assert_eq!(found, Tensor::from(0f32));
        assert_eq!(check(&[1.0, f32::NAN]).1, Tensor::from(1f32));
    }

    #[test]
    fn an_operator_that_fails_says_why() {
        let (counts, scale) = (Tensor::from_slice(&[1i64]), Tensor::from(1f32));
        let arguments =
            [Argument::List(&[&counts]), Argument::Tensor(&counts), Argument::Tensor(&scale)];
        let name = c"aten::_amp_foreach_non_finite_check_and_unscale_";
        // SAFETY: as above.
        let error = unsafe { f_call(name, &arguments) }.unwrap_err().to_string();
        assert!(error.contains("found_inf must be a float tensor"), "{error}");
    }
}
