//! Projects are created and extended. What is built of them, `./test project` builds and asks.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use crate::fixture::{Folder, Run};

/// The checkout that projects are carved from here.
pub fn checkout() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the crate is in a checkout")
}

/// `tenfold new acme --yes` with more options, in a folder of its own.
pub fn create(folder: &Folder, options: &[&str]) -> Run {
    let path = checkout().to_string_lossy().into_owned();
    let mut arguments = vec!["new", "acme", "--yes", "--path", &path];
    arguments.extend(options);
    folder.run(&arguments)
}

/// A command on the project that `create` has made.
fn run_on_acme(folder: &Folder, arguments: &[&str]) -> Run {
    let arguments: Vec<&str> = arguments.iter().copied().chain(["--workspace", "acme"]).collect();
    folder.run(&arguments)
}

/// All files of a project below a folder, by their path there.
fn files(folder: &Path) -> Vec<(String, String)> {
    let (mut found, mut waiting) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(next) = waiting.pop() {
        for entry in std::fs::read_dir(&next).expect("a folder can be read") {
            let path = entry.expect("so can its entries").path();
            if path.is_dir() && !path.ends_with(".git") {
                waiting.push(path);
            } else if path.is_file() {
                let name = path.strip_prefix(folder).expect("it is below").to_string_lossy().into_owned();
                let text = std::fs::read(&path).expect("a file can be read");
                found.push((name, String::from_utf8_lossy(&text).into_owned()));
            }
        }
    }
    found.sort();
    found
}

pub fn text(folder: &Folder, path: &str) -> String {
    std::fs::read_to_string(folder.path().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// What a source includes or a script imports and the project lacks.
fn missing_files(project: &Path) -> Vec<String> {
    let names =
        [("rs", "include_str!(\"", "\""), ("rs", "include_bytes!(\"", "\""), ("js", "from \"./", "\"")];
    let mut missing = Vec::new();
    for (path, text) in files(project) {
        let Some((folder, _)) = path.rsplit_once('/') else { continue };
        for (_, begin, end) in names.iter().filter(|(ending, ..)| path.ends_with(ending)) {
            let named = text.split(begin).skip(1).filter_map(|rest| rest.split_once(end));
            let absent = named.filter(|(name, _)| !project.join(folder).join(name).exists());
            missing.extend(absent.map(|(name, _)| format!("{path}: {name}")));
        }
    }
    missing
}

#[test]
fn no_mark_and_no_trace_of_what_was_cut_is_left() {
    for (options, gone) in [
        (
            &["--modules", "none", "--api-only", "--deploy", "none"][..],
            &["tenfold-files", "notification", "billing", "/v1/projects", "page.css", "docker", "systemd"][..],
        ),
        (&["--modules", "all"], &[]),
        (
            &["--modules", "notifications", "--database", "postgres"],
            &["tenfold-files", "tenfold_files", "billing", "/v1/projects", "showFile"],
        ),
        (&["--modules", "files", "--deploy", "docker"], &["notification", "/v1/projects", "systemd"]),
        (
            &["--modules", "projects", "--deploy", "systemd", "--licence", "mit"],
            &["tenfold-files", "notification", "billing", "docker", "compose"],
        ),
    ] {
        let folder = Folder::new();
        create(&folder, options).passes("created acme");
        for (path, text) in files(&folder.path().join("acme")) {
            // It lists interfaces that the chosen modules depend on.
            if path == "Cargo.lock" {
                continue;
            }
            for word in gone.iter().chain(&[
                "carve:",
                "PROJECT_NAME",
                "PROJECT_TITLE",
                "PROJECT_MODULE",
                "PROJECT_LICENCE",
                "TENFOLD_VERSION",
                "FIELD_",
                "SINGULAR",
                "PLURAL",
            ]) {
                let found = text.lines().find(|line| line.to_lowercase().contains(&word.to_lowercase()));
                assert_eq!(found, None, "{options:?}: {path} has {word}");
                assert!(!path.contains(word), "{options:?}: {path}");
            }
        }
    }
}

#[test]
fn what_is_created_keeps_its_boundaries_and_is_formatted() {
    let sets = ["none", "all", "billing", "files", "notifications", "projects"];
    for (set, modules) in sets.into_iter().enumerate() {
        let folder = Folder::new();
        let run = create(&folder, &["--modules", modules, "--database", ["sqlite", "postgres"][set % 2]]);
        run.passes("created acme");
        assert_eq!(run.stdout().contains("with billing"), modules == "files", "{modules}");
        folder.run(&["check", "--workspace", "acme"]).passes("no boundary is crossed");
        assert_eq!(missing_files(&folder.path().join("acme")), Vec::<String>::new(), "{modules}");
        let mut format = Command::new("cargo");
        format.args(["fmt", "--all", "--check"]).current_dir(folder.path().join("acme"));
        let format = format.output().expect("cargo starts");
        assert!(format.status.success(), "{modules}: {}", String::from_utf8_lossy(&format.stdout));
    }
}

#[test]
fn the_version_is_told() {
    Folder::new().run(&["--version"]).passes(concat!("tenfold ", env!("CARGO_PKG_VERSION"), "\n"));
}

/// A cargo that kills the program that starts it, to be found before the real one.
fn deadly_cargo(folder: &Folder) -> String {
    folder.write("bin/cargo", "#!/bin/sh\nkill -9 $PPID\n");
    let cargo = folder.path().join("bin/cargo");
    std::fs::set_permissions(cargo, std::fs::Permissions::from_mode(0o755)).expect("it can be executed");
    format!("{}:{}", folder.path().join("bin").display(), std::env::var("PATH").expect("there is a path"))
}

#[test]
fn a_killed_creation_leaves_no_project_under_its_name() {
    let folder = Folder::new();
    let mut command = Command::new(env!("CARGO_BIN_EXE_tenfold"));
    command.args(["new", "acme", "--yes", "--path"]).arg(checkout()).current_dir(folder.path());
    let killed = command.env("PATH", deadly_cargo(&folder)).status().expect("the program starts");
    assert_eq!(killed.code(), None, "it was not killed");
    assert!(!folder.path().join("acme").exists());
    create(&folder, &[]).passes("created acme in acme");
}

#[test]
fn a_folder_that_is_there_and_empty_is_filled() {
    let folder = Folder::new();
    std::fs::create_dir(folder.path().join("here")).expect("a writable folder");
    create(&folder, &["--into", "here"]).passes("created acme in here");
    let names: Vec<_> = std::fs::read_dir(folder.path().join("here"))
        .expect("the folder is there")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    assert!(
        names.contains(&"Cargo.toml".to_owned()) && names.contains(&".gitignore".to_owned()),
        "{names:?}"
    );
    assert!(!names.iter().any(|name| name.contains("unfinished")), "{names:?}");
}

#[test]
fn what_is_added_keeps_the_line_ends_of_windows() {
    let folder = Folder::new();
    create(&folder, &["--modules", "none"]).passes("created");
    let edited = ["app/Cargo.toml", "app/modules/notes/src/routes.rs", "app/modules/notes/src/lib.rs"];
    for path in edited {
        let path = format!("acme/{path}");
        folder.write(&path, &text(&folder, &path).replace('\n', "\r\n"));
    }
    run_on_acme(&folder, &["add", "entity", "notes", "labels"]).passes("created");
    run_on_acme(&folder, &["module", "new", "invoices"]).passes("created");
    for (path, part) in edited.into_iter().zip(["\"invoices\"", "labels", "mod labels;"]) {
        let text = text(&folder, &format!("acme/{path}"));
        assert!(text.contains(part), "{path} lacks {part}");
        assert_eq!(
            text.matches('\n').count(),
            text.matches("\r\n").count(),
            "{path} has both kinds of lines"
        );
    }
}

#[test]
fn answers_in_a_file_make_the_same_project() {
    let folder = Folder::new();
    create(
        &folder,
        &["--modules", "files", "--api-only", "--licence", "apache", "--first-module", "invoices"],
    )
    .passes("created");
    let first = files(&folder.path().join("acme"));
    folder.run(&["new", "--from", "acme/tenfold.toml", "--into", "again"]).passes("created acme in again");
    assert!(files(&folder.path().join("again")) == first, "the projects differ");
    assert!(text(&folder, "acme/Cargo.toml").contains("license = \"Apache-2.0\""));
    assert!(first.iter().any(|(path, _)| path == "app/modules/invoices/src/invoices/list.rs"));
}

#[test]
fn an_answer_that_is_none_is_refused_and_nothing_is_written() {
    let folder = Folder::new();
    for (options, why) in [
        (&["--modules", "fils"][..], "there is no \"fils\", only billing, files, notifications, projects"),
        (&["--database", "mysql"], "there is no \"mysql\", only sqlite, postgres"),
        (&["--deploy", "heroku"], "there is no \"heroku\", only docker, systemd"),
        (&["--licence", "gpl"], "there is no \"gpl\", only proprietary, mit, apache, mit-or-apache"),
        (&["--first-module", "auth"], "\"auth\" is taken"),
        (&["--first-module", "My-Notes"], "cannot be the name of a module"),
    ] {
        create(&folder, options).ends_with_code(2, why);
    }
    folder.run(&["new", "../acme", "--yes"]).ends_with_code(2, "cannot be the name of a project");
    assert_eq!(files(folder.path()), []);
    folder.write("acme/mine.txt", "mine");
    create(&folder, &[]).ends_with_code(2, "acme is not empty");
    assert_eq!(files(folder.path()).len(), 1);
}

#[test]
fn what_cannot_be_added_is_refused_and_changes_nothing() {
    let folder = Folder::new();
    create(&folder, &["--modules", "none"]).passes("created");
    let before = files(folder.path());
    for (arguments, why) in [
        (&["module", "new", "notes"][..], "\"notes\" is taken"),
        (&["module", "new", "staff"], "give that of one with --entity"),
        (&["module", "new", "invoices", "amount:money"], "there is no \"money\", only text, int, bool, time"),
        (&["module", "new", "invoices", "id:int"], "\"id\" is taken"),
        (&["module", "new", "invoices", "a:int", "a:text"], "\"a\" is taken"),
        (&["add", "entity", "note", "labels"], "there is no \"note\", only auth, console, mail, notes"),
        (&["add", "entity", "notes", "notes"], "is there already"),
        (&["add", "job", "notes", "process_note"], "is there already"),
        (&["add", "endpoint", "notes", "list", "get", "/v1/{id}"], "cannot be the name of a path"),
        (&["add", "migration", "notes", "Big"], "cannot be the name of a migration"),
    ] {
        run_on_acme(&folder, arguments).ends_with_code(2, why);
    }
    assert!(files(folder.path()) == before, "something was changed");
}

#[test]
fn what_is_added_is_registered_and_formatted() {
    let folder = Folder::new();
    create(&folder, &["--modules", "none"]).passes("created");
    for arguments in [
        &["module", "new", "price_lists", "starts:time", "rate:int", "open:bool"][..],
        &["add", "entity", "notes", "labels", "name:text"],
        &["add", "endpoint", "notes", "count_notes", "get", "/v1/notes-count"],
        &["add", "job", "notes", "send_reminder"],
        &["add", "migration", "notes", "later"],
    ] {
        run_on_acme(&folder, arguments).passes("created");
    }
    folder.run(&["check", "--workspace", "acme"]).passes("checked 5 modules");
    for (path, part) in [
        ("app/Cargo.toml", "    \"price_lists\",\n    \"tenfold-console\",\n"),
        ("app/Cargo.toml", "price_lists = { path = \"modules/price_lists\" }"),
        ("app/modules/price_lists/migrations/0001_price_lists.sql", "open boolean NOT NULL"),
        ("app/modules/price_lists/src/price_lists/list.rs", "\"/v1/price-lists\""),
        ("app/modules/notes/src/lib.rs", ".job::<jobs::send_reminder::SendReminder>()"),
        ("app/modules/notes/migrations/0003_later.sql", "--"),
        ("app/modules/notes/tests/it/main.rs", "mod labels;"),
    ] {
        assert!(text(&folder, &format!("acme/{path}")).contains(part), "{path} lacks {part}");
    }
    // A route that is left out again is missed.
    let routes = text(&folder, "acme/app/modules/notes/src/routes.rs");
    folder.write(
        "acme/app/modules/notes/src/routes.rs",
        &routes.replace("crate::count_notes::count_notes", "crate::labels::get::get_label"),
    );
    folder.run(&["check", "--workspace", "acme"]).fails(1, &["no route leads to the endpoint count_notes"]);
}
