//! Projects are brought to another version. `.ci/projects upgrade` does it with one that runs and has data.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::fixture::Folder;
use crate::projects::{checkout, create, text};

fn git(folder: &Path, arguments: &[&str]) {
    let mut command = Command::new("git");
    command
        .args(["-c", "user.name=Ada", "-c", "user.email=ada@example.test"])
        .args(arguments)
        .current_dir(folder);
    let output = command.output().expect("git starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// A copy of what projects are carved from.
fn copied_checkout(folder: &Folder) -> PathBuf {
    let copy = folder.path().join("tenfold");
    let list = Command::new("git")
        .args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
            "Cargo.toml",
            "Cargo.lock",
            "*.toml",
            "app",
            ".ci",
            "LICENSE-*",
            "crates/tenfold-cli/project",
        ])
        .current_dir(checkout())
        .output();
    for path in String::from_utf8(list.expect("git starts").stdout)
        .expect("paths are text")
        .split('\0')
        .filter(|path| !path.is_empty())
    {
        if checkout().join(path).is_file() {
            let to = copy.join(path);
            std::fs::create_dir_all(to.parent().expect("a file is in a folder")).expect("a writable folder");
            std::fs::copy(checkout().join(path), to).expect("a file can be copied");
        }
    }
    copy
}

/// A checkout of Tenfold in two versions: what projects are carved from, at the tag v0.1.0, and changed after it.
fn two_versions(folder: &Folder) -> PathBuf {
    let old = copied_checkout(folder);
    git(&old, &["init", "--quiet"]);
    git(&old, &["add", "--all"]);
    git(&old, &["commit", "--quiet", "--message", "Old"]);
    git(&old, &["tag", "v0.1.0"]);
    let edit = |path: &str, from: &str, to: &str| {
        let text = std::fs::read_to_string(old.join(path)).expect("a file of the checkout");
        assert!(text.contains(from), "{path} lacks {from}");
        std::fs::write(old.join(path), text.replacen(from, to, 1)).expect("a writable file");
    };
    edit("Cargo.toml", "version = \"0.1.0\"", "version = \"0.2.0\"");
    edit("app/src/demo.rs", "//! The accounts of `--demo`.", "//! The accounts of the demo.");
    edit("clippy.toml", "too-many-lines-threshold = 60", "too-many-lines-threshold = 50");
    edit("rustfmt.toml", "max_width = 110", "max_width = 100");
    std::fs::write(old.join("app/src/new.rs"), "//! New.\n").expect("a writable file");
    std::fs::remove_file(old.join("app/page/mark.svg")).expect("the mark is there");
    old
}

#[test]
fn an_upgrade_keeps_edits_and_shows_conflicts() {
    let folder = Folder::new();
    create(&folder, &["--modules", "none"]).passes("created");
    let tenfold = two_versions(&folder);
    let path = tenfold.to_string_lossy().into_owned();
    let project = folder.path().join("acme");
    let edits = [
        ("acme/app/src/demo.rs", text(&folder, "acme/app/src/demo.rs") + "\n// mine\n"),
        ("acme/rustfmt.toml", "max_width = 90\n".to_owned()),
    ];
    for (file, edited) in &edits {
        folder.write(file, edited);
    }
    folder.run(&["upgrade", "acme", "--path", &path]).ends_with_code(2, "changes that are not committed");
    git(&project, &["add", "--all"]);
    git(&project, &["commit", "--quiet", "--message", "Mine"]);
    let run = folder.run(&["upgrade", "acme", "--path", &path]);
    for part in [
        "from 0.1.0 to 0.2.0",
        "merged app/src/demo.rs",
        "updated clippy.toml",
        "CONFLICT rustfmt.toml: 1",
        "added app/src/new.rs",
        "removed app/page/mark.svg",
    ] {
        run.ends_with_code(1, part);
    }
    let demo = text(&folder, "acme/app/src/demo.rs");
    assert!(demo.contains("//! The accounts of the demo.") && demo.ends_with("\n// mine\n"), "{demo}");
    let conflict = text(&folder, "acme/rustfmt.toml");
    assert!(
        conflict.contains("<<<<<<< yours\nmax_width = 90") && conflict.contains(">>>>>>> tenfold"),
        "{conflict}"
    );
    assert!(text(&folder, "acme/clippy.toml").contains("threshold = 50"));
    assert!(
        !project.join("app/page/mark.svg").exists() && project.join("app/modules/notes/src/lib.rs").exists()
    );
    git(&project, &["add", "--all"]);
    git(&project, &["commit", "--quiet", "--message", "Upgrade"]);
    folder.run(&["upgrade", "acme", "--path", &path]).passes("at 0.2.0 already");
}

/// The crate `tenfold-cli` as a registry has it, at another version, with the template in it.
fn published_before(folder: &Folder) {
    let old = copied_checkout(folder);
    let edit = |path: &str, from: &str, to: &str| {
        let text = std::fs::read_to_string(old.join(path)).expect("a file of the checkout");
        assert!(text.contains(from), "{path} lacks {from}");
        std::fs::write(old.join(path), text.replacen(from, to, 1)).expect("a writable file");
    };
    edit("Cargo.toml", concat!("version = \"", env!("CARGO_PKG_VERSION")), "version = \"0.0.1");
    edit("clippy.toml", "too-many-lines-threshold = 60", "too-many-lines-threshold = 70");
    let packed = folder.run(&["pack", "tenfold"]).stdout().to_owned();
    folder.write("published/project/packaged.json", &packed);
    folder.write("published/src/lib.rs", "");
    folder.write(
        "published/Cargo.toml",
        "[package]\nname = \"tenfold-cli\"\nversion = \"0.0.1\"\nedition = \"2024\"\n\n[workspace]\n",
    );
}

#[test]
fn an_upgrade_needs_no_checkout() {
    let folder = Folder::new();
    create(&folder, &["--modules", "none"]).passes("created");
    published_before(&folder);
    // As if the older version had created it, with crates from a registry.
    let path = format!("path = {:?}", checkout());
    let answers = text(&folder, "acme/tenfold.toml").replace(&format!("{path}\n"), "");
    let answers = answers.replace(concat!("version = \"", env!("CARGO_PKG_VERSION")), "version = \"0.0.1");
    folder.write("acme/tenfold.toml", &answers);
    let manifest = text(&folder, "acme/Cargo.toml");
    let own = checkout().join("crates/tenfold-cli");
    assert!(manifest.contains(&format!("{own:?}")), "{manifest}");
    folder.write("acme/Cargo.toml", &manifest.replace(&format!("{own:?}"), "\"../published\""));
    let clippy = text(&folder, "acme/clippy.toml").replace("threshold = 60", "threshold = 70");
    folder.write("acme/clippy.toml", &(clippy + "# mine\n"));
    let run = folder.run(&["upgrade", "acme", "--allow-dirty"]);
    let to = format!("from 0.0.1 to {}", env!("CARGO_PKG_VERSION"));
    run.passes(&to);
    run.passes("merged clippy.toml");
    let clippy = text(&folder, "acme/clippy.toml");
    assert!(clippy.contains("threshold = 60") && clippy.ends_with("# mine\n"), "{clippy}");
}
