//! Writes the TypeScript client again when the API has changed.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;

use super::output::say;
use super::project::DevProject;

/// Asks `program` for its client, and puts it at `path` if it differs: a frontend's own watcher sees only what changed.
pub(super) async fn write(project: DevProject, program: PathBuf, path: PathBuf) {
    let fresh = project.target.join("tenfold-dev/client.ts");
    match written(&project, &program, &fresh, &path).await {
        Ok(true) => say(&format!("wrote the client to {}", path.display())),
        Ok(false) => {}
        Err(why) => say(&format!("the client was not written: {why}")),
    }
}

async fn written(project: &DevProject, program: &Path, fresh: &Path, path: &Path) -> Result<bool, String> {
    if let Some(folder) = fresh.parent() {
        std::fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    let run = Command::new(program)
        .args(["client", "ts", "--write"])
        .arg(fresh)
        .current_dir(&project.root)
        .stdin(Stdio::null())
        .output()
        .await
        .map_err(|error| error.to_string())?;
    if !run.status.success() {
        let why = String::from_utf8_lossy(&run.stderr).trim().to_owned();
        return Err(match why.contains("unrecognized subcommand") {
            true => format!("this application has no command `client ts` ({why})"),
            false => why,
        });
    }
    let text = std::fs::read(fresh).map_err(|error| format!("{}: {error}", fresh.display()))?;
    if std::fs::read(path).is_ok_and(|known| known == text) {
        return Ok(false);
    }
    std::fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(true)
}
