//! `schema`: the tables, as the database knows them.

use serde_json::{Value, json};
use tenfold::ApplicationFacts;
use tenfold::data::TableDescription;

use crate::mcp::bounds::add_rows;
use crate::mcp::input::{InputKind, ToolInput};
use crate::mcp::tool::{McpTool, ToolAnswer, ToolCall, ToolEffect, ToolFault};

pub(super) const SCHEMA: McpTool = McpTool {
    name: "schema",
    title: "Tables",
    about: "Without arguments: the tables by module, each with the number of its columns, and whether its rows belong to organizations. With \
            `table` or `module`: columns, primary key, indexes and foreign keys. It is read from the database; the entities and their \
            relations in Rust are in the modules' sources.",
    inputs: &[
        ToolInput { name: "table", about: "One table.", kind: InputKind::Text, required: false },
        ToolInput {
            name: "module",
            about: "The tables of one module; `tenfold` for the framework's.",
            kind: InputKind::Text,
            required: false,
        },
    ],
    effect: ToolEffect::Reads,
};

/// The module of the framework's tables.
const FRAMEWORK: &str = "tenfold";

pub(super) async fn schema(call: &ToolCall<'_>) -> ToolAnswer {
    let tables = call.caller.cx.describe_tables().await?;
    let (table, module) = (call.arguments.text("table"), call.arguments.text("module"));
    let facts = call.caller.facts;
    let is_wanted = |known: &&TableDescription| {
        table.is_none_or(|name| known.name == name)
            && module.is_none_or(|name| module_of(facts, &known.name) == name)
    };
    let wanted: Vec<&TableDescription> = tables.iter().filter(is_wanted).collect();
    if wanted.is_empty() {
        let what = if table.is_some() { "table" } else { "module" };
        return Err(ToolFault::Refused(format!(
            "`{what}`: there is none of this name; without arguments all are listed"
        )));
    }
    let in_short = table.is_none() && module.is_none();
    let rows = wanted.into_iter().map(|table| {
        let mut row =
            if in_short { json!({"name": table.name, "columns": table.columns.len()}) } else { json!(table) };
        row["module"] = json!(module_of(facts, &table.name));
        row["of_organizations"] = json!(table.key.first().is_some_and(|first| first == "org_id"));
        row
    });
    let mut answer: Value = json!({"database": call.caller.state.database().dialect().system_name()});
    add_rows(&mut answer, "tables", rows, usize::MAX, "give `table`");
    Ok(answer)
}

/// The module whose name the table's begins with.
fn module_of<'a>(facts: &ApplicationFacts, table: &'a str) -> &'a str {
    let is_of = |name: &str| table.strip_prefix(name).is_some_and(|rest| rest.starts_with('_'));
    let found = facts
        .modules
        .iter()
        .map(|module| module.name)
        .filter(|name| is_of(name))
        .max_by_key(|name| name.len());
    found.map_or(FRAMEWORK, |name| &table[..name.len()])
}
