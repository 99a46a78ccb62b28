//! A small workspace in a folder of its own, and the program's run on it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A workspace in a folder of its own.
pub struct Fixture(Folder);

/// What a run of the program left.
pub struct Run {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

const AUTH_API: &str = r#"
use tenfold::module_api;

#[module_api(name = "auth", version = 1)]
pub trait Auth {
    async fn user(&self, id: u64) -> Result<String, String>;
}
"#;

const AUTH: &str = r#"
#[derive(Entity)]
#[entity(table = "auth_users", tenant = org_id, has_one(profile: Profile))]
pub struct User { #[entity(key)] pub id: u64 }

pub fn module() -> Module {
    Module::new("auth").provides::<dyn Auth>(Service::new).migrations(migrations!())
}

async fn by_email(cx: &Context) {
    let text = sql!("auth.user_by_email", "SELECT u.id FROM auth_users u
        JOIN auth_sessions AS s ON s.user_id = u.id WHERE u.email = ?1");
}
"#;

const AUTH_MIGRATION: &str =
    "CREATE TABLE auth_users (org_id UUID, id INTEGER, email TEXT NOT NULL, PRIMARY KEY (org_id, id));
CREATE TABLE auth_sessions (id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL REFERENCES auth_users (id));
CREATE INDEX auth_sessions_user ON auth_sessions (user_id);
";

const BILLING_API: &str = r#"
#[tenfold::module_api(name = "billing", version = 1)]
pub trait Billing {
    async fn charge(&self, cents: u64) -> Result<(), String>;
}
"#;

const BILLING: &str = r#"
use auth_api::Auth;

pub fn module() -> Module {
    Module::new("billing")
        .provides::<dyn billing_api::Billing>(Service::new)
        .needs::<dyn Auth>()
        .migrations(migrations!())
}

async fn charge(cx: &Context) {
    tenfold::sql!("billing.insert_invoice", "INSERT INTO billing_invoices (id) VALUES ($1)
        ON CONFLICT (id) DO UPDATE SET cents = excluded.cents RETURNING id");
}
"#;

const FILES: &str = r#"
use {auth_api as identity, billing_api::{self, *}};

pub fn module() -> Module {
    Module::new("files").needs::<dyn identity::Auth>().needs::<dyn Billing>().migrations(migrations!())
}

#[derive(Entity)]
#[entity(table = "files_blobs", global = "equal files are kept once")]
pub struct Blob;
"#;

const BUILD: &str = "fn main() {\n    println!(\"cargo::rerun-if-changed=migrations\");\n}\n";

impl Fixture {
    /// Three modules, an application and a stub of the framework: nothing is wrong with it.
    pub fn good() -> Self {
        let files: BTreeMap<&str, String> = BTreeMap::from([
            ("Cargo.toml", WORKSPACE.to_owned()),
            (
                "app/Cargo.toml",
                manifest("app", &["../modules/auth", "../modules/billing", "../modules/files"]),
            ),
            ("crates/tenfold/Cargo.toml", manifest("tenfold", &["../tenfold-data"])),
            ("crates/tenfold-data/Cargo.toml", manifest("tenfold-data", &[])),
            ("modules/auth/Cargo.toml", manifest("auth", &["api", "../../crates/tenfold"])),
            ("modules/auth/api/Cargo.toml", manifest("auth-api", &["../../../crates/tenfold"])),
            ("modules/billing/Cargo.toml", manifest("billing", &["api", "../auth/api"])),
            ("modules/billing/api/Cargo.toml", manifest("billing-api", &["../../auth/api"])),
            ("modules/files/Cargo.toml", manifest("files", &["../auth/api", "../billing/api"])),
            ("app/src/lib.rs", String::new()),
            ("crates/tenfold/src/lib.rs", String::new()),
            ("crates/tenfold-data/src/lib.rs", String::new()),
            ("modules/auth/build.rs", BUILD.to_owned()),
            ("modules/billing/build.rs", BUILD.to_owned()),
            ("modules/files/build.rs", BUILD.to_owned()),
            ("modules/auth/src/lib.rs", AUTH.to_owned()),
            ("modules/auth/api/src/lib.rs", AUTH_API.to_owned()),
            ("modules/auth/migrations/0001_users.sql", AUTH_MIGRATION.to_owned()),
            ("modules/billing/src/lib.rs", BILLING.to_owned()),
            ("modules/billing/api/src/lib.rs", BILLING_API.to_owned()),
            (
                "modules/billing/migrations/0001_invoices.sqlite.sql",
                "CREATE TABLE billing_invoices (id INTEGER PRIMARY KEY AUTOINCREMENT) STRICT;".to_owned(),
            ),
            (
                "modules/billing/migrations/0001_invoices.postgres.sql",
                "CREATE TABLE billing_invoices (id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY);"
                    .to_owned(),
            ),
            ("modules/files/src/lib.rs", FILES.to_owned()),
            (
                "modules/files/migrations/0001_uploads.sql",
                "CREATE TABLE files_uploads (id INTEGER PRIMARY KEY, sent_by INTEGER);".to_owned(),
            ),
        ]);
        let fixture = Self(Folder::new());
        for (path, text) in files {
            fixture.0.write(path, &text);
        }
        fixture
    }

    /// The workspace's folder.
    pub fn root(&self) -> &Path {
        self.0.path()
    }

    /// The good workspace with a file written anew or added.
    pub fn with(self, path: &str, text: &str) -> Self {
        self.0.write(path, text);
        self
    }

    /// The good workspace with one part of a file replaced, which must be there.
    pub fn edited(self, path: &str, from: &str, to: &str) -> Self {
        let text = self.text(path);
        assert!(text.contains(from), "{path} does not contain {from}");
        self.0.write(path, &text.replacen(from, to, 1));
        self
    }

    /// The good workspace with `line` at the end of a file.
    pub fn appended(self, path: &str, line: &str) -> Self {
        let text = self.text(path) + line + "\n";
        self.0.write(path, &text);
        self
    }

    /// What a file holds now.
    pub fn text(&self, path: &str) -> String {
        std::fs::read_to_string(self.root().join(path)).expect("a file of the fixture")
    }

    /// The line (from 1) on which `part` first stands in a file.
    pub fn line(&self, path: &str, part: &str) -> usize {
        let text = self.text(path);
        text.lines().position(|line| line.contains(part)).expect("the part stands in the file") + 1
    }

    /// `tenfold check` on a day in 2026.
    pub fn check(&self) -> Run {
        self.run(&["check", "--today", "2026-07-01"])
    }

    /// The program in the workspace's folder.
    pub fn run(&self, arguments: &[&str]) -> Run {
        self.0.run(arguments)
    }
}

/// A folder of a test's own, removed when it is dropped.
pub struct Folder(PathBuf);

impl Folder {
    /// An empty one.
    pub fn new() -> Self {
        let folder = unique_folder();
        std::fs::create_dir_all(&folder).expect("a writable folder");
        Folder(folder)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The program in it.
    pub fn run(&self, arguments: &[&str]) -> Run {
        Run::of(&self.0, arguments)
    }

    /// Writes a file below it.
    pub fn write(&self, path: &str, text: &str) {
        let path = self.0.join(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a writable folder");
        std::fs::write(path, text).expect("a writable file");
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A folder that stays behind in the temporary folder harms nobody.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl Run {
    /// Runs the program in a folder.
    fn of(folder: &Path, arguments: &[&str]) -> Self {
        let output = Command::new(env!("CARGO_BIN_EXE_tenfold")).args(arguments).current_dir(folder).output();
        let output = output.expect("the program starts");
        Run {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).expect("UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("UTF-8"),
        }
    }

    /// The run found nothing wrong, and its answer contains `part`.
    #[track_caller]
    pub fn passes(&self, part: &str) {
        assert_eq!((self.code, self.stderr.as_str()), (Some(0), ""), "{}", self.stdout);
        assert!(self.stdout.contains(part), "{}", self.stdout);
    }

    /// The run found exactly `count` errors, and its answer contains every part.
    #[track_caller]
    pub fn fails(&self, count: usize, parts: &[&str]) {
        assert_eq!((self.code, self.stdout.as_str()), (Some(1), ""), "{}", self.stderr);
        assert_eq!(self.stderr.matches("error[").count(), count, "{}", self.stderr);
        for part in parts {
            assert!(self.stderr.contains(part), "`{part}` is missing in:\n{}", self.stderr);
        }
    }

    /// The run ended with `code`, and its complaint contains `part`.
    #[track_caller]
    pub fn ends_with_code(&self, code: i32, part: &str) {
        assert_eq!(self.code, Some(code), "{}", self.stderr);
        assert!(self.stderr.contains(part), "{}", self.stderr);
    }

    /// What the run wrote to its standard output.
    pub fn stdout(&self) -> &str {
        &self.stdout
    }
}

const WORKSPACE: &str = r#"[workspace]
resolver = "3"
members = ["app", "crates/*", "modules/*", "modules/auth/api", "modules/billing/api"]
default-members = ["app"]
"#;

/// A manifest with dependencies by path; a package is called after its folder, an interface after its module.
pub fn manifest(name: &str, paths: &[&str]) -> String {
    let mut text = format!("[package]\nname = \"{name}\"\nedition = \"2024\"\n\n[dependencies]\n");
    for path in paths {
        text.push_str(&dependency(name, path));
    }
    text
}

/// One line of a dependency table in the manifest of `package`.
pub fn dependency(package: &str, path: &str) -> String {
    let mut parts = path.rsplit('/');
    let last = parts.next().expect("a path");
    let name = match (last, parts.next()) {
        ("api", Some(module)) => format!("{module}-api"),
        ("api", None) => format!("{package}-api"),
        _ => last.to_owned(),
    };
    format!("{name} = {{ path = \"{path}\" }}\n")
}

/// A folder that no other test uses, in this process or another one.
pub fn unique_folder() -> PathBuf {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    std::env::temp_dir().join(format!("tenfold-check-{}-{count}", std::process::id()))
}
