//! The allocator of every program: where there is no memory left, one line and exit code 1.
//!
//! Without it Rust aborts, which looks like a fault of the program, and waits for ever where it
//! happens while a backtrace is made. A run that ends so goes on from its last checkpoint.

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::Write;
use std::os::fd::AsFd;

use signal_hook::low_level;

use crate::lab::tensor::memory::Remedy;

#[global_allocator]
static ALLOCATOR: SystemOrEnd = SystemOrEnd;

/// The system's allocator, which ends the process where it has no memory to give.
struct SystemOrEnd;

// SAFETY: each call is the system allocator's own, with the arguments as they came; where that has
// nothing to give, the call does not return.
unsafe impl GlobalAlloc for SystemOrEnd {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps to the contract of this very method.
        given(unsafe { System.alloc(layout) }, layout.size())
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        given(unsafe { System.alloc_zeroed(layout) }, layout.size())
    }

    unsafe fn realloc(&self, old: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as above.
        given(unsafe { System.realloc(old, layout, size) }, size)
    }

    unsafe fn dealloc(&self, old: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(old, layout) }
    }
}

/// Keeps memory that is given back for whoever asks next. By itself the C library returns every large piece
/// to the system, which then clears each of its pages anew, and a step asks again and again for pieces of
/// the same sizes: of a transformer's step that was a fifth. Pieces of more than 128 MB still go back, and
/// what is free at the end beyond 512 MB, so that a large model's peak is what it was.
pub(super) fn keep_freed_memory() {
    #[cfg(target_env = "gnu")]
    // SAFETY: the call sets two numbers of the C library, and takes any value for them.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, 1 << 27);
        libc::mallopt(libc::M_TRIM_THRESHOLD, 1 << 29);
    }
}

/// The memory that was asked for, where it was given.
fn given(memory: *mut u8, size: usize) -> *mut u8 {
    if memory.is_null() { end(size) } else { memory }
}

/// Says what was missing and ends the process, without allocating, locking or unwinding.
#[cold]
fn end(size: usize) -> ! {
    let mut line = [0; 400];
    let mut rest = &mut line[..];
    let _ = writeln!(
        rest,
        "error: not enough memory: {size} more bytes were asked for, and can't be had; {Remedy}"
    );
    let left = rest.len();
    let said = &line[..line.len() - left];
    let _ = rustix::io::write(std::io::stderr().as_fd(), said);
    low_level::exit(1)
}
