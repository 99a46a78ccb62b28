//! What a burst has needed is given back when it is over.

#[global_allocator]
static ALLOCATOR: tenfold_allocator::Allocator = tenfold_allocator::ALLOCATOR;

/// Resident memory of this process, in bytes.
#[cfg(target_os = "linux")]
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

#[cfg(target_os = "linux")]
#[test]
fn memory_that_a_burst_has_needed_goes_back_to_the_system_at_once() {
    const MIB: u64 = 1024 * 1024;
    let before = resident();
    // As a list of many rows: small blocks, which no system call gets one by one.
    let burst: Vec<Vec<u8>> = (0..64 * 1024).map(|n| vec![u8::try_from(n % 251).unwrap(); 1024]).collect();
    let during = resident();
    drop(burst);
    let after = resident();
    assert!(during > before + 60 * MIB, "{before} bytes before, {during} in the burst");
    assert!(after < before + 6 * MIB, "{before} bytes before, {during} in the burst, {after} after it");
}
