//! Writes a typed TypeScript client from an application's OpenAPI document: one file that needs `fetch` and no package.
//!
//! `app client ts` prints it. The generator reads OpenAPI 3.1 as `app openapi` prints it and as others write it; what
//! it cannot express is an error that names the operation, never a type that allows anything. Decision 46 says why it
//! is our own. The part that is the same for all applications is in `runtime/`, written in TypeScript.

mod document;
mod error;
mod names;
mod operation;
mod runtime;
mod token;
mod types;
mod write;

use serde_json::Value;

pub use error::ClientError;

use document::OpenApiDocument;
use operation::Operation;
use types::Types;

/// The client of the application with this OpenAPI document, as one file of TypeScript. The same document gives the
/// same text.
///
/// # Errors
/// Names the operation or the schema that the client cannot express, and why.
pub fn typescript(document: &str) -> Result<String, ClientError> {
    let root: Value = serde_json::from_str(document)
        .map_err(|error| ClientError::new(format!("the document is no JSON: {error}")))?;
    let document = OpenApiDocument::new(&root)?;
    let mut types = Types::new(&document);
    let mut operations = Vec::new();
    for raw in document.operations()? {
        operations.push(Operation::read(&document, &types, &raw)?);
    }
    write::file(&document, &mut types, &operations)
}
