//! Erases what the module has of an organization.

use tenfold::prelude::*;

use crate::entities::{Assignment, Comment, Label, Labeling, Project, Task};

/// Deletes all rows, first those that hang on others.
///
/// # Errors
/// A statement failed.
pub(crate) async fn erase(cx: &Context) -> anyhow::Result<()> {
    Comment::erase(cx).await?;
    Assignment::erase(cx).await?;
    Labeling::erase(cx).await?;
    Task::erase(cx).await?;
    Label::erase(cx).await?;
    Project::erase(cx).await?;
    Ok(())
}
