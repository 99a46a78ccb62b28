//! The tenfold command: checks that a workspace keeps its module boundaries.

fn main() {}
