//! Words of zeros, two mebibytes at a time: one huge page each, where the system has them.
//!
//! A look-up is two loads from hundreds of megabytes. In pages of 4 KiB the processor would first have to find out, by
//! further loads, where in memory they are; of huge pages it remembers all that a nation's index takes.
#![expect(
    unsafe_code,
    reason = "what is said of memory before it is used cannot be said in safe code; each block has its proof"
)]
use std::sync::atomic::AtomicU64;

use rustix::mm::{Advice, madvise};

/// Words of a block.
pub(crate) const BLOCK_WORDS: usize = 1 << 18;

/// A huge page of words.
#[repr(C, align(2_097_152))]
pub(crate) struct Block(pub(crate) [AtomicU64; BLOCK_WORDS]);

const _: () = assert!(size_of::<Block>() == align_of::<Block>(), "one huge page of x86-64 and of most others");

impl Block {
    pub(crate) fn zeros() -> Box<Self> {
        let mut block = Box::<Self>::new_uninit();
        let start = block.as_mut_ptr();
        // SAFETY: the range is the allocation made just now, whole memory pages and nobody else's, and the advice changes
        // nothing that is read from it. Where it is refused, pages of ordinary size serve.
        let _ = unsafe { madvise(start.cast(), size_of::<Self>(), Advice::LinuxHugepage) };
        // SAFETY: there is room for one block at `start`, and zeros are a value of it: an AtomicU64 has the representation
        // of a u64, as its documentation says.
        unsafe {
            start.write_bytes(0, 1);
            block.assume_init()
        }
    }
}
