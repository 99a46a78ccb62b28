//! What the generator makes of documents, from outside. `./test client` gives what it writes to the TypeScript compiler.

use serde_json::{Value, json};

const ODD: &str = include_str!("odd.json");

/// The client of a document, or the reason why there is none.
fn client(document: &Value) -> Result<String, String> {
    tenfold_client::typescript(&document.to_string()).map_err(|error| error.to_string())
}

/// A document with one operation, `GET /things/{id}`, changed by `change`.
fn one(change: impl FnOnce(&mut Value)) -> Value {
    let mut document = json!({
        "openapi": "3.1.0",
        "info": {"title": "one", "version": "1"},
        "paths": {"/things/{id}": {"get": {
            "operationId": "get_thing",
            "parameters": [{"name": "id", "in": "path", "required": true, "schema": {"type": "string"}}],
            "responses": {"200": {"content": {"application/json": {"schema": {"type": "string"}}}}},
        }}},
    });
    change(&mut document);
    document
}

/// A document whose operation answers this schema.
fn answering(schema: Value) -> Value {
    one(|document| {
        document["paths"]["/things/{id}"]["get"]["responses"]["200"]["content"]["application/json"]["schema"] =
            schema;
    })
}

#[test]
fn the_committed_client_of_an_odd_document_is_as_written() {
    let written = tenfold_client::typescript(ODD).expect("a client");
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/odd.ts");
    if std::env::var_os("TENFOLD_TEST_WRITE").is_some() {
        std::fs::write(path, &written).expect("the file can be written");
    }
    let committed = std::fs::read_to_string(path).expect("the file is there");
    assert!(committed == written, "write {path} again: TENFOLD_TEST_WRITE=1 cargo test -p tenfold-client");
}

#[test]
fn what_no_type_expresses_names_the_operation() {
    let place = "GET /things/{id} (get_thing): ";
    for (schema, why) in [
        (json!({"not": {"type": "string"}}), "the keyword not"),
        (json!({"type": "string", "nullable": true}), "the keyword nullable"),
        (json!({"type": "object", "patternProperties": {"^x": {}}}), "the keyword patternProperties"),
        (json!(false), "allows nothing"),
        (json!({"type": "text"}), "the type text"),
        (json!({"const": {"a": 1}}), "the constant"),
        (json!({"$ref": "other.json#/Thing"}), "other.json#/Thing is no reference"),
        (json!({"$ref": "#/components/schemas/Missing"}), "no schema Missing"),
    ] {
        let error = client(&answering(schema)).expect_err(why);
        assert!(error.starts_with(place) && error.contains(why), "{why}: {error}");
    }
}

#[test]
fn a_fault_within_a_schema_names_schema_and_field() {
    let document = one(|document| {
        document["components"]["schemas"]["Thing"] =
            json!({"type": "object", "properties": {"a": {"if": {}}}});
        document["paths"]["/things/{id}"]["get"]["responses"]["200"]["content"]["application/json"]["schema"] =
            json!({"$ref": "#/components/schemas/Thing"});
    });
    let error = client(&document).expect_err("no client");
    assert!(error.starts_with("schema Thing, field `a`: "), "{error}");
}

#[test]
fn a_parameter_that_cannot_be_sent_is_refused() {
    for (parameter, why) in [
        (json!({"name": "x", "in": "cookie", "schema": {"type": "string"}}), "in a cookie"),
        (json!({"name": "x", "in": "query", "schema": {"type": "object"}}), "only texts"),
        (
            json!({"name": "x", "in": "query", "style": "deepObject", "schema": {"type": "string"}}),
            "deepObject",
        ),
        (
            json!({"name": "x", "in": "header", "schema": {"type": "array", "items": {"type": "string"}}}),
            "only texts",
        ),
        (json!({"name": "x", "in": "query", "content": {"application/json": {}}}), "no schema"),
    ] {
        let document = one(|document| {
            let parameters = document["paths"]["/things/{id}"]["get"]["parameters"].as_array_mut();
            parameters.expect("a list").push(parameter);
        });
        let error = client(&document).expect_err(why);
        assert!(
            error.starts_with("GET /things/{id} (get_thing), parameter `x`: ") && error.contains(why),
            "{error}"
        );
    }
}

#[test]
fn an_answer_that_cannot_be_read_is_refused() {
    let text = json!({"content": {"text/plain": {}}});
    let own = json!({"content": {"application/json": {"schema": {"type": "string"}}}});
    let stream = json!({"content": {"text/event-stream": {"schema": {"type": "string"}}}});
    for (responses, why) in [
        (json!({"404": {}}), "of no success"),
        (json!({"200": own, "201": text}), "different kinds of content"),
        (json!({"200": text, "404": own}), "application/problem+json"),
        (json!({"200": stream}), "that have `event` and `data`"),
    ] {
        let document = one(|document| document["paths"]["/things/{id}"]["get"]["responses"] = responses);
        let error = client(&document).expect_err(why);
        assert!(error.starts_with("GET /things/{id} (get_thing): ") && error.contains(why), "{error}");
    }
}

#[test]
fn an_older_document_is_refused() {
    let error = client(&one(|document| document["openapi"] = "3.0.3".into())).expect_err("no client");
    assert_eq!(error, "the document must be OpenAPI 3.1; this one says 3.0.3");
}

#[test]
fn a_path_without_its_parameter_is_refused() {
    let document = one(|document| document["paths"]["/things/{id}"]["get"]["parameters"] = json!([]));
    let error = client(&document).expect_err("no client");
    assert!(error.ends_with("its path has {id}, which is no parameter"), "{error}");
}

/// The types that a client declares.
fn declared(client: &str) -> Vec<&str> {
    let lines = client.lines().map(|line| line.trim_start_matches("export "));
    let names = lines.filter_map(|line| {
        let name = ["class ", "interface ", "type "].iter().find_map(|kind| line.strip_prefix(kind))?;
        name.split(|letter: char| !letter.is_alphanumeric()).next()
    });
    names.collect()
}

#[test]
fn a_schema_never_has_the_name_of_another_type() {
    let written = tenfold_client::typescript(ODD).expect("a client");
    let mut document: Value = serde_json::from_str(ODD).expect("JSON");
    let answers = &mut document["paths"]["/then"]["get"]["responses"]["2XX"]["content"]["application/json"];
    let names = declared(&written);
    assert!(["Call", "Plan", "Query"].iter().all(|name| names.contains(name)), "{names:?}");
    let references = names.iter().map(|name| json!({"$ref": format!("#/components/schemas/{name}")}));
    answers["schema"]["oneOf"] = references.collect();
    for name in names {
        let schemas = document["components"]["schemas"].as_object_mut().expect("schemas");
        schemas.entry(name).or_insert_with(|| json!({"type": "object", "properties": {"own": {}}}));
    }
    let client = client(&document).expect("a client");
    let mut names = declared(&client);
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count, "{client}");
}

#[test]
fn only_what_an_application_needs_is_written() {
    let plain = client(&one(|_| ())).expect("a client");
    for part in ["class Pages", "class EventStream", "function upload", "UploadTransport", "type Id<"] {
        assert!(!plain.contains(part), "{part}");
        assert!(
            tenfold_client::typescript(ODD).expect("a client").contains(part),
            "{part} of the odd document"
        );
    }
}
