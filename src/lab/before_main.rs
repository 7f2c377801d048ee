//! What a program checks before the libraries that it is linked with begin.
//!
//! libtorch and what it brings do much while they are loaded, before `main`. Where the working folder
//! is gone or there is too little memory, they end the process in words of their own, or abort. The
//! linker puts the functions of one section before those of every library, and those of another
//! after them.

use std::mem::MaybeUninit;

use super::allocation::keep_freed_memory;

/// Room for the longest path.
const LONGEST: usize = 4096;

/// What C++ calls where it has no memory to give; without one it throws an exception.
type NewHandler = Option<extern "C" fn()>;

unsafe extern "C" {
    /// `std::set_new_handler`, which gives the one before.
    #[link_name = "_ZSt15set_new_handlerPFvvE"]
    safe fn set_new_handler(handler: NewHandler) -> NewHandler;
}

#[used]
// SAFETY: the loader calls every entry of this section as a C function, and `before` is one; it
// needs nothing that would be made ready later.
#[unsafe(link_section = ".preinit_array")]
static BEFORE: extern "C" fn() = before;

#[used]
// SAFETY: as above.
#[unsafe(link_section = ".init_array")]
static AFTER: extern "C" fn() = after;

/// Ends the process where the working folder has no path, and has it end in one line where there is
/// too little memory to load libtorch: nobody could catch an exception yet.
extern "C" fn before() {
    let mut path = MaybeUninit::<[libc::c_char; LONGEST]>::uninit();
    // SAFETY: the call writes at most so many bytes, and nobody reads them.
    if unsafe { libc::getcwd(path.as_mut_ptr().cast(), LONGEST) }.is_null() {
        end("error: the working folder is not there any more: change to another one\n");
    }
    set_new_handler(Some(no_memory));
}

/// From here on an operation of libtorch throws, and says what it was; and memory that it gives back is
/// kept for the next one.
extern "C" fn after() {
    set_new_handler(None);
    keep_freed_memory();
}

extern "C" fn no_memory() {
    end("error: not enough memory to load libtorch: raise the limit of this process (ulimit -v)\n")
}

/// Says a line and ends the process. It calls the kernel alone: neither Rust's library nor C++'s need
/// have begun.
fn end(line: &str) -> ! {
    // SAFETY: the bytes are there to be written, and nothing has to be undone before the end.
    unsafe {
        libc::write(libc::STDERR_FILENO, line.as_ptr().cast(), line.len());
        libc::_exit(1)
    }
}
