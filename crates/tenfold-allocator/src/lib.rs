//! The memory allocator of a program built on Tenfold: two lines in its `main.rs`.
//!
//! ```
//! #[global_allocator]
//! static ALLOCATOR: tenfold_allocator::Allocator = tenfold_allocator::ALLOCATOR;
//! ```
//!
//! On Linux it is [mimalloc](https://github.com/microsoft/mimalloc) 3 (Leijen, Zorn and de Moura, "Mimalloc: Free List Sharding
//! in Action", APLAS 2019), for Rust and for C, so for SQLite too. glibc locks a heap when one thread frees what another has
//! made, which is what happens all the time where requests wait for a database, and it keeps what a burst has needed for
//! good. Elsewhere it is the system's. Decision 30 has the figures.
//!
//! Memory goes back to the system when it is not needed any more. mimalloc's own settings can be given by environment
//! variables (`MIMALLOC_PURGE_DELAY=1000`, in milliseconds; `MIMALLOC_VERBOSE=1` lists them).

/// The allocator's type.
#[cfg(target_os = "linux")]
pub type Allocator = mimalloc::MiMalloc;
/// The allocator's type.
#[cfg(not(target_os = "linux"))]
pub type Allocator = std::alloc::System;

/// The allocator.
#[cfg(target_os = "linux")]
pub const ALLOCATOR: Allocator = mimalloc::MiMalloc;
/// The allocator.
#[cfg(not(target_os = "linux"))]
pub const ALLOCATOR: Allocator = std::alloc::System;
