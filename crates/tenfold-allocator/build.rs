//! Compiles `src/defaults.c` where mimalloc is used.

fn main() {
    println!("cargo:rerun-if-changed=src/defaults.c");
    // Set by libmimalloc-sys, which is no dependency elsewhere.
    let Some(headers) = std::env::var_os("DEP_MIMALLOC_INCLUDE_DIR") else { return };
    cc::Build::new()
        .file("src/defaults.c")
        .include(headers)
        // Nothing in it is called.
        .link_lib_modifier("+whole-archive")
        .compile("tenfold_allocator_defaults");
}
