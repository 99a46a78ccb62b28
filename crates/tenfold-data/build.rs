//! Lets Cargo see a new file among the migrations.

fn main() {
    println!("cargo::rerun-if-changed=migrations");
}
