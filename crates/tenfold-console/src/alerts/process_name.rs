//! What an alert calls this process.

use std::sync::LazyLock;

static NAME: LazyLock<String> = LazyLock::new(|| {
    // A container has the first, and Linux the second.
    let named = std::env::var("HOSTNAME").ok().filter(|name| !name.is_empty());
    let named = named.or_else(|| std::fs::read_to_string("/proc/sys/kernel/hostname").ok());
    let host = named.as_deref().map_or("an unnamed host", str::trim);
    format!("{host}, process {}", std::process::id())
});

/// The host's name and the process's number.
pub(super) fn get() -> &'static str {
    &NAME
}
