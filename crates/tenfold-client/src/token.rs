//! Which operations begin and end a session.

use serde_json::Value;

use crate::document::OpenApiDocument;
use crate::operation::{Operation, SuccessAnswer};

/// The operations of the identity module by which the others are recognised.
const SIGN_IN: &str = "sign_in";
const SIGN_OUT: &str = "sign_out";

#[derive(Clone, Copy)]
pub(crate) enum ScriptToken {
    Starts,
    Ends,
}

impl ScriptToken {
    pub(crate) fn word(self) -> &'static str {
        match self {
            ScriptToken::Starts => "starts",
            ScriptToken::Ends => "ends",
        }
    }
}

/// The schema that `sign_in` answers, if it has a token: what answers the same starts a session too.
pub(crate) struct Tokens<'a>(Option<&'a Value>);

impl<'a> Tokens<'a> {
    pub(crate) fn of(document: &OpenApiDocument<'a>, operations: &[Operation<'a>]) -> Self {
        let sign_in = operations.iter().find(|operation| operation.name == SIGN_IN);
        let schema = sign_in.and_then(answered);
        Tokens(schema.filter(|schema| document.property(schema, "token").is_some()))
    }

    pub(crate) fn of_operation(&self, operation: &Operation<'a>) -> Option<ScriptToken> {
        if operation.name == SIGN_OUT {
            return Some(ScriptToken::Ends);
        }
        (self.0.is_some() && answered(operation) == self.0).then_some(ScriptToken::Starts)
    }
}

fn answered<'a>(operation: &Operation<'a>) -> Option<&'a Value> {
    match &operation.answer {
        SuccessAnswer::Json { schemas, .. } if schemas.len() == 1 => schemas.first().copied(),
        _ => None,
    }
}
