//! The memory that the process uses.

use std::fs;

/// The resident set in bytes; `None` where there is no Linux `/proc`.
///
/// Read from `/proc/self/status`, which gives kilobytes. `/proc/self/statm` counts pages, and their size
/// (4, 16 or 64 KiB on ARM) cannot be read without unsafe code or one more dependency.
pub(super) fn resident_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}
