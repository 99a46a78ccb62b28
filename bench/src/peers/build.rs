//! How peers are built: each in a folder of `target/peers`, by the usual program of its language.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;

/// The sources of the peers.
fn sources(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("peers").join(name)
}

/// Where a peer is built; the program that runs lies in `target/release` or `target/debug`.
fn target(name: &str) -> anyhow::Result<PathBuf> {
    let here = std::env::current_exe()?;
    let target = here.parent().and_then(Path::parent).context("a program lies in target/release")?;
    Ok(target.join("peers").join(name))
}

/// Builds a Rust peer for release, and says where its program is.
pub(super) fn cargo(name: &str, program: &str) -> anyhow::Result<PathBuf> {
    cargo_in(target(name)?, name, program)
}

/// The same for one that has the dependencies of the workspace, beside which it is built, so that they are there already.
pub(super) fn cargo_beside(name: &str, program: &str) -> anyhow::Result<PathBuf> {
    let target = target(name)?;
    cargo_in(target.ancestors().nth(2).context("peers lie in target/peers")?.to_owned(), name, program)
}

fn cargo_in(target: PathBuf, name: &str, program: &str) -> anyhow::Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build.args(["build", "--release", "--locked", "--quiet", "--bin", program]).current_dir(sources(name));
    run(build.env("CARGO_TARGET_DIR", &target))?;
    Ok(target.join("release").join(program))
}

/// Installs the packages of a Node.js peer with this program, and says where it lies.
pub(super) fn node(name: &str, program: &str) -> anyhow::Result<PathBuf> {
    let target = target(name)?;
    std::fs::create_dir_all(&target)?;
    for file in ["package.json", "package-lock.json", program] {
        std::fs::copy(sources(name).join(file), target.join(file))?;
    }
    run(Command::new("npm").args(["ci", "--silent", "--no-audit", "--no-fund"]).current_dir(&target))?;
    Ok(target)
}

/// Installs the packages of a Python peer, and says how it is started.
pub(super) fn python(name: &str) -> anyhow::Result<Vec<PathBuf>> {
    let target = target(name)?;
    let python = target.join("bin/python");
    if !python.exists() {
        run(Command::new("python3").args(["-m", "venv"]).arg(&target))?;
    }
    let requirements = sources(name).join("requirements.txt");
    run(Command::new(&python).args(["-m", "pip", "install", "--quiet", "--requirement"]).arg(requirements))?;
    Ok(vec![python, sources(name).join("list.py")])
}

fn run(command: &mut Command) -> anyhow::Result<()> {
    let status = command.status().with_context(|| format!("{command:?} cannot be started"))?;
    anyhow::ensure!(status.success(), "{command:?} failed");
    Ok(())
}
