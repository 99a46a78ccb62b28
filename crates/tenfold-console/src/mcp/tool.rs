//! What a tool is, and what its code gets.

use serde_json::{Value, json};
use tenfold::ApplicationFacts;
use tenfold::http::ServerState;
use tenfold::jobs::Jobs;
use tenfold::prelude::*;

use super::input::{Arguments, ToolInput, schema};
use crate::access::Acting;

/// A tool as its list declares it.
pub(super) struct McpTool {
    pub name: &'static str,
    pub title: &'static str,
    /// What it answers, and when to use it; for the agent.
    pub about: &'static str,
    pub inputs: &'static [ToolInput],
    pub effect: ToolEffect,
}

/// What a tool does to the application.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum ToolEffect {
    /// Nothing.
    Reads,
    /// It lets something run.
    Runs,
    /// It ends something.
    Ends,
}

impl McpTool {
    /// The tool as clients see it.
    pub(super) fn described(&self) -> Value {
        json!({
            "name": self.name,
            "title": self.title,
            "description": self.about,
            "inputSchema": schema(self.inputs),
            "annotations": {
                "title": self.title,
                "readOnlyHint": self.effect == ToolEffect::Reads,
                // A job that runs again repeats its effects.
                "destructiveHint": self.effect != ToolEffect::Reads,
                "idempotentHint": self.effect != ToolEffect::Runs,
                "openWorldHint": false,
            },
        })
    }
}

/// The one who calls a tool, and what tools look into.
pub(super) struct McpCaller<'a> {
    pub state: &'a ServerState,
    pub cx: &'a SystemContext,
    pub jobs: &'a Jobs,
    pub facts: &'a ApplicationFacts,
    /// None for an operator who may look.
    pub acting: Option<&'a Acting>,
}

/// A call of a tool.
pub(super) struct ToolCall<'a> {
    pub caller: &'a McpCaller<'a>,
    pub arguments: Arguments,
}

/// Why a call has no answer.
pub(super) enum ToolFault {
    /// What the agent can mend, or should know.
    Refused(String),
    /// What the log should know.
    Failed(anyhow::Error),
}

impl From<DataError> for ToolFault {
    fn from(error: DataError) -> Self {
        match error {
            DataError::NotFound { .. } => {
                ToolFault::Refused("there is no such thing, or no longer".to_owned())
            }
            DataError::Unavailable(_) => {
                ToolFault::Refused("the database does not answer, so this is not known now".to_owned())
            }
            other => ToolFault::Failed(other.into()),
        }
    }
}

impl From<anyhow::Error> for ToolFault {
    fn from(error: anyhow::Error) -> Self {
        match error.downcast::<DataError>() {
            Ok(error) => error.into(),
            Err(error) => ToolFault::Failed(error),
        }
    }
}

/// What a tool answers.
pub(super) type ToolAnswer = Result<Value, ToolFault>;
