//! What breaks the clients of an API, and what does not.

use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tenfold_cli::api_breaks;

use crate::fixture::Fixture;

/// A list and a write, with a schema of each kind.
fn document() -> Value {
    json!({
        "openapi": "3.1.0",
        "info": {"title": "app", "version": "0.1.0"},
        "paths": {"/v1/notes": {
            "get": {
                "operationId": "list_notes",
                "x-permission": "notes.read",
                "x-roles": ["owner", "member"],
                "parameters": [{"in": "query", "name": "limit", "required": false,
                                "schema": {"type": "integer", "minimum": 1, "maximum": 100}}],
                "responses": {"200": {
                    "headers": {"ETag": {"schema": {"type": "string"}}},
                    "content": {"application/json": {"schema": {"type": "array", "items": {"$ref": "#/components/schemas/Note"}}}},
                }},
            },
            "post": {
                "operationId": "create_note",
                "requestBody": {"content": {
                    "application/json": {"schema": {"$ref": "#/components/schemas/NewNote"}},
                    "text/plain": {"schema": {"type": "string"}},
                }},
                "responses": {"201": {}, "400": {}},
            },
        }},
        "components": {"schemas": {
            "Note": {
                "type": "object",
                "required": ["id", "kind"],
                "properties": {
                    "id": {"type": "string", "format": "uuid"},
                    "kind": {"type": "string", "enum": ["plain", "list"]},
                    "parent": {"oneOf": [{"type": "null"}, {"$ref": "#/components/schemas/Note"}]},
                    "stars": {"type": "integer"},
                },
            },
            "NewNote": {"allOf": [{"$ref": "#/components/schemas/Titled"}, {
                "type": "object",
                "required": ["title"],
                "properties": {
                    "kind": {"type": "string", "enum": ["plain", "list"]},
                    "tags": {"type": "array", "maxItems": 5, "items": {"type": ["string", "null"]}},
                },
            }]},
            "Titled": {"type": "object", "properties": {"title": {"type": "string", "minLength": 1}}},
        }},
    })
}

const GET: &str = "/paths/~1v1~1notes/get";
const POST: &str = "/paths/~1v1~1notes/post";
const NOTE: &str = "/components/schemas/Note";
const NEW_NOTE: &str = "/components/schemas/NewNote/allOf/1";

/// The document with another value at this place; `null` takes the field out.
fn with(place: &str, field: &str, value: Value) -> Value {
    let mut changed = document();
    let object =
        changed.pointer_mut(place).and_then(Value::as_object_mut).expect("an object is at the place");
    match value {
        Value::Null => object.remove(field),
        value => object.insert(field.to_owned(), value),
    };
    changed
}

#[test]
fn the_json_in_an_events_data_is_compared_as_what_it_is() {
    let event = |data: Value| {
        let schema = json!({"type": "object", "required": ["event", "data"], "properties": {
            "event": {"const": "note"}, "data": data,
        }});
        with(&format!("{GET}/responses/200/content"), "text/event-stream", json!({"schema": schema}))
    };
    let in_a_text = |schema: Value| {
        event(json!({"type": "string", "contentMediaType": "application/json", "contentSchema": schema}))
    };
    let (note, number) = (json!({"$ref": "#/components/schemas/Note"}), json!({"type": "integer"}));
    assert_eq!(api_breaks(&event(note.clone()), &in_a_text(note.clone())), []);
    let breaks = api_breaks(&in_a_text(note), &in_a_text(number));
    assert!(!breaks.is_empty(), "an event that carries something else breaks clients");
}

/// A change: where, which field, its new value, and what is said of it.
type BreakCase = (&'static str, &'static str, Value, &'static str);

/// The breaks that a change makes are just this one.
#[track_caller]
fn breaks(cases: Vec<BreakCase>) {
    for (place, field, value, expected) in cases {
        let found = api_breaks(&document(), &with(place, field, value));
        let found: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(found, [expected], "{place} {field}");
    }
}

#[test]
fn an_operation_that_is_harder_to_call_breaks_clients() {
    breaks(vec![
        ("/paths/~1v1~1notes", "get", Value::Null, "`GET /v1/notes`: the operation is gone"),
        ("/paths/~1v1~1notes", "post", Value::Null, "`POST /v1/notes`: the operation is gone"),
        (
            GET,
            "operationId",
            json!("notes"),
            "`GET /v1/notes`: its operationId is \"notes\" instead of \"list_notes\"",
        ),
        (GET, "security", json!([{"session": []}]), "`GET /v1/notes`: it needs a session"),
        (GET, "x-permission", json!("notes"), "`GET /v1/notes`: it needs the permission \"notes\""),
        (GET, "x-roles", json!(["owner"]), "`GET /v1/notes`: the role member may no longer call it"),
        (GET, "parameters", json!([]), "`GET /v1/notes`: the query parameter limit is gone"),
        (GET_LIMIT, "required", json!(true), "`GET /v1/notes`: the query parameter limit is required"),
        (POST, "responses", json!({"202": {}, "201": {}}), "`POST /v1/notes`: it may answer 202"),
        (POST, "responses", json!({"400": {}}), "`POST /v1/notes`: it no longer answers 201"),
    ]);
}

const GET_LIMIT: &str = "/paths/~1v1~1notes/get/parameters/0";

#[test]
fn a_parameter_or_body_that_may_be_less_breaks_clients() {
    let limit = "/paths/~1v1~1notes/get/parameters/0/schema";
    breaks(vec![
        (
            limit,
            "maximum",
            json!(50),
            "`GET /v1/notes`: the query parameter limit has the maximum 50 instead of 100",
        ),
        (
            limit,
            "minimum",
            json!(2),
            "`GET /v1/notes`: the query parameter limit has the minimum 2 instead of 1",
        ),
        (
            "/paths/~1v1~1notes/post/requestBody",
            "required",
            json!(true),
            "`POST /v1/notes`: a body is required",
        ),
        (
            "/paths/~1v1~1notes/post/requestBody/content",
            "text/plain",
            Value::Null,
            "`POST /v1/notes`: the body is no longer text/plain",
        ),
    ]);
}

#[test]
fn a_field_of_a_request_that_may_be_less_breaks_clients() {
    let tags = "/components/schemas/NewNote/allOf/1/properties/tags";
    breaks(vec![
        (
            NEW_NOTE,
            "required",
            json!(["title", "kind"]),
            "`NewNote`: in requests, field `kind` is required (POST /v1/notes)",
        ),
        (
            NEW_NOTE,
            "additionalProperties",
            json!(false),
            "`NewNote`: in requests, may have no other fields (POST /v1/notes)",
        ),
        (
            "/components/schemas/NewNote/allOf/1/properties",
            "tags",
            Value::Null,
            "`NewNote`: in requests, field `tags` is gone (POST /v1/notes)",
        ),
        (
            "/components/schemas/NewNote/allOf/1/properties/kind",
            "enum",
            json!(["plain", "table"]),
            "`NewNote`: in requests, field `kind` may no longer be \"list\" (POST /v1/notes)",
        ),
        (
            "/components/schemas/Titled/properties/title",
            "enum",
            json!(["a"]),
            "`NewNote`: in requests, field `title` may only be \"a\" (POST /v1/notes)",
        ),
        (
            "/components/schemas/Titled/properties/title",
            "pattern",
            json!("^a"),
            "`NewNote`: in requests, field `title` must have the pattern ^a (POST /v1/notes)",
        ),
        (
            tags,
            "maxItems",
            json!(4),
            "`NewNote`: in requests, field `tags` has the maxItems 4 instead of 5 (POST /v1/notes)",
        ),
        (
            tags,
            "items",
            json!({"type": "string"}),
            "`NewNote`: in requests, field `tags[]` must be string instead of null or string (POST /v1/notes)",
        ),
    ]);
}

#[test]
fn an_answer_that_may_be_more_breaks_clients() {
    let kind = "/components/schemas/Note/properties/kind";
    let properties = "/components/schemas/Note/properties";
    let answer = "/paths/~1v1~1notes/get/responses/200";
    breaks(vec![
        (answer, "headers", Value::Null, "`GET /v1/notes`: the answer 200 no longer has the header ETag"),
        (
            answer,
            "content",
            json!({"text/csv": {}}),
            "`GET /v1/notes`: the answer 200 is no longer application/json",
        ),
        (properties, "stars", Value::Null, "`Note`: in answers, field `stars` is gone (GET /v1/notes)"),
        (
            properties,
            "stars",
            json!({"type": ["integer", "null"]}),
            "`Note`: in answers, field `stars` may be integer or null instead of integer (GET /v1/notes)",
        ),
        (
            properties,
            "id",
            json!({"type": "string"}),
            "`Note`: in answers, field `id` no longer has the format uuid (GET /v1/notes)",
        ),
        (
            kind,
            "enum",
            json!(["plain", "list", "table"]),
            "`Note`: in answers, field `kind` may also be \"table\" (GET /v1/notes)",
        ),
        (
            kind,
            "enum",
            Value::Null,
            "`Note`: in answers, field `kind` is no longer one of \"list\", \"plain\" (GET /v1/notes)",
        ),
        (NOTE, "required", json!(["id"]), "`Note`: in answers, field `kind` may be missing (GET /v1/notes)"),
    ]);
}

#[test]
fn what_allows_more_and_answers_more_breaks_nobody() {
    for (place, field, value) in [
        ("/paths", "/v1/more", json!({"get": {"operationId": "more"}})),
        ("/info", "version", json!("0.2.0")),
        (GET, "summary", json!("Notes.")),
        (GET, "x-roles", json!(["owner", "member", "guest"])),
        (GET, "x-permission", Value::Null),
        (POST, "responses", json!({"201": {}, "429": {}})),
        ("/paths/~1v1~1notes/get/parameters/0/schema", "maximum", json!(1000)),
        ("/paths/~1v1~1notes/get/parameters/0/schema", "type", json!("number")),
        ("/components/schemas/NewNote/allOf/1/properties", "more", json!({"type": "string"})),
        ("/components/schemas/NewNote/allOf/1/properties/kind", "enum", json!(["plain", "list", "table"])),
        ("/components/schemas/NewNote/allOf/1/properties/tags", "maxItems", Value::Null),
        (NEW_NOTE, "required", json!([])),
        ("/components/schemas/Note/properties", "more", json!({"type": "string"})),
        ("/components/schemas/Note/properties/kind", "enum", json!(["plain"])),
        (NOTE, "required", json!(["id", "kind", "stars"])),
        (NOTE, "description", json!("A note.")),
    ] {
        assert_eq!(api_breaks(&document(), &with(place, field, value)), [], "{place} {field}");
    }
}

#[test]
fn a_null_that_an_answer_never_had_breaks_clients() {
    let nullable = json!({"oneOf": [{"type": "null"}, {"$ref": "#/components/schemas/Note"}]});
    let plain = json!({"$ref": "#/components/schemas/Note"});
    let (mut old, mut new) = (document(), document());
    let place = "/paths/~1v1~1notes/get/responses/200/content/application~1json/schema/items";
    *old.pointer_mut(place).expect("the answer has items") = plain;
    *new.pointer_mut(place).expect("the answer has items") = nullable;
    assert_eq!(api_breaks(&old, &new).len(), 1);
    assert_eq!(api_breaks(&new, &old), []);
}

/// Runs the program in the fixture's folder, with the document on its standard input.
fn run(fixture: &Fixture, option: &str, served: &Value) -> (Option<i32>, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_tenfold"))
        .args(["api", option, "openapi.json"])
        .current_dir(fixture.root())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut stdin = child.stdin.take().expect("it has an input");
    stdin.write_all(served.to_string().as_bytes()).expect("it reads");
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(said).expect("it says text"))
}

#[test]
fn a_harmless_difference_asks_to_write_the_document_again() {
    let fixture = Fixture::good();
    assert_eq!(run(&fixture, "--write", &document()).0, Some(0));
    assert_eq!(run(&fixture, "--compare", &document()).0, Some(0));
    let changed = with(GET, "summary", json!("Notes."));
    let (code, said) = run(&fixture, "--compare", &changed);
    assert_eq!(code, Some(1));
    assert!(said.contains("breaks no client") && said.contains("--write openapi.json"), "{said}");
    assert_eq!(run(&fixture, "--write", &changed).0, Some(0));
    assert_eq!(run(&fixture, "--compare", &changed).0, Some(0));
}

#[test]
fn a_break_is_refused_until_the_changelog_says_it() {
    let fixture = Fixture::good();
    assert_eq!(run(&fixture, "--write", &document()).0, Some(0));
    let changed = with("/components/schemas/Note/properties", "stars", Value::Null);
    for option in ["--compare", "--write"] {
        let (code, said) = run(&fixture, option, &changed);
        assert_eq!(code, Some(1));
        assert!(said.contains("`Note`: in answers, field `stars` is gone"), "{said}");
    }
    let released =
        "## [Unreleased]\n\n- Notes are shorter.\n\n## [0.1.0]\n\n- Breaking: `Note` has no stars.\n";
    let fixture = fixture.with("CHANGELOG.md", released);
    assert_eq!(run(&fixture, "--write", &changed).0, Some(1));
    let said = "## [Unreleased]\n\n### Changed\n- Breaking: there are no more stars on what\n  `GET /v1/notes` lists.\n";
    let fixture = fixture.with("CHANGELOG.md", said);
    assert_eq!(run(&fixture, "--write", &changed).0, Some(0));
    assert_eq!(run(&fixture, "--compare", &changed).0, Some(0));
}
