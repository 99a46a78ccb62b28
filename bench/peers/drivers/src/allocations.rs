//! Counting allocations, which only the program `allocations` does: its allocator is slower than the usual one.

/// How many allocations the process has made, on all threads.
pub type Allocations = fn() -> usize;
