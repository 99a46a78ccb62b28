//! Which database may be deleted to fill it again: one that the application has filled with demo data, in a SQLite file
//! below `data/`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;

use super::project::DevProject;

/// The arguments for the application, as after `cargo run --`.
#[derive(Debug, Clone)]
pub(super) struct ApplicationArguments(pub(super) Vec<OsString>);

impl ApplicationArguments {
    /// Whether the application fills its database with demo data: it does so without a command, or when asked.
    pub(super) fn ask_for_demo(&self) -> bool {
        self.has("--demo") || !self.has("serve")
    }

    /// Whether one of them is `word`.
    pub(super) fn has(&self, word: &str) -> bool {
        self.0.iter().any(|argument| argument == word)
    }

    /// The value of `--name VALUE` or `--name=VALUE`.
    pub(super) fn value(&self, name: &str) -> Option<String> {
        let words: Vec<_> = self.0.iter().map(|word| word.to_string_lossy()).collect();
        let after = |at: usize| words.get(at + 1).map(|value| value.to_string());
        words.iter().enumerate().find_map(|(at, word)| match word.strip_prefix(name)? {
            "" => after(at),
            rest => rest.strip_prefix('=').map(str::to_owned),
        })
    }

    /// What decides which settings are in force, for another command of the application.
    fn of_settings(&self) -> Vec<OsString> {
        let named = |name: &str| self.value(name).map(|value| [name.into(), value.into()]);
        [named("--config"), named("--database")].into_iter().flatten().flatten().collect()
    }
}

/// The database file that the application uses, if it may be deleted.
///
/// # Errors
/// Why it may not.
pub(super) async fn database(
    project: &DevProject,
    program: &Path,
    arguments: &ApplicationArguments,
) -> Result<PathBuf, String> {
    let asked = Command::new(program)
        .arg("config")
        .args(arguments.of_settings())
        .current_dir(&project.root)
        .stdin(Stdio::null())
        .output()
        .await
        .map_err(|error| format!("the application cannot be asked for its settings: {error}"))?;
    let settings = String::from_utf8_lossy(&asked.stdout).into_owned();
    let url = url(&settings).ok_or("the application does not say which database it uses")?;
    let path =
        url.strip_prefix("sqlite:").ok_or("only a SQLite file is deleted, and this is another database")?;
    let path = project.root.join(path);
    let within = |folder: &Path| {
        let data = project.root.join("data").canonicalize();
        matches!((folder.canonicalize(), data), (Ok(folder), Ok(data)) if folder.starts_with(&data))
    };
    let is_file = path.symlink_metadata().is_ok_and(|metadata| metadata.is_file());
    if !is_file || !path.parent().is_some_and(within) {
        return Err(format!("{} is no file below data/ of the workspace", path.display()));
    }
    Ok(path)
}

/// Deletes a database with its log.
pub(super) fn delete(path: &Path) -> std::io::Result<()> {
    for suffix in ["-wal", "-shm", ""] {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        match std::fs::remove_file(name) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// `url = "…"` of the section `[database]`.
fn url(settings: &str) -> Option<&str> {
    let (_, section) = settings.split_once("[database]\n")?;
    let section = section.split("\n[").next()?;
    let line = section.lines().find_map(|line| line.strip_prefix("url = \""))?;
    line.split('"').next()
}

#[cfg(test)]
mod tests {
    use super::{ApplicationArguments, url};

    fn arguments(words: &[&str]) -> ApplicationArguments {
        ApplicationArguments(words.iter().map(Into::into).collect())
    }

    #[test]
    fn demo_data_is_for_no_command_or_for_who_asks() {
        assert!(arguments(&[]).ask_for_demo());
        assert!(arguments(&["--database", "sqlite:data/x.db"]).ask_for_demo());
        assert!(arguments(&["serve", "--demo"]).ask_for_demo());
        assert!(!arguments(&["serve"]).ask_for_demo());
    }

    #[test]
    fn a_value_stands_after_its_name_or_a_sign() {
        assert_eq!(arguments(&["serve", "--config", "a.toml"]).value("--config").as_deref(), Some("a.toml"));
        assert_eq!(arguments(&["--config=a.toml"]).value("--config").as_deref(), Some("a.toml"));
        assert_eq!(arguments(&["--configuration", "x"]).value("--config"), None);
    }

    #[test]
    fn the_address_of_the_database_is_read_from_its_section() {
        let settings =
            "[blobs]\nurl = \"file:data/blobs\"\n\n[database]\nmax = 1\nurl = \"sqlite:data/a.db\"   # x\n";
        assert_eq!(url(settings), Some("sqlite:data/a.db"));
        assert_eq!(url("[database]\nmax = 1\n[blobs]\nurl = \"file:x\"\n"), None);
    }
}
