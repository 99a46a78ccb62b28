//! The text of the client.

use crate::document::{OpenApiDocument, SessionUse};
use crate::error::ClientError;
use crate::names::{Names, access, camel, comment, key, literal, pascal};
use crate::operation::{BodyKind, Location, Operation, PROBLEM, Parameter, SuccessAnswer};
use crate::runtime::Needs;
use crate::token::{ScriptToken, Tokens};
use crate::types::{Types, docs, union, with_undefined};

const IDS: &str = "\
/** A text that is the id of something. Ids of different things are not assignable to each other, and texts are to all. */
type Id<Name extends string> = string & { readonly __id?: Name };

";

const PROBLEM_OF_THE_RFC: &str = "\
/** What the service says when it refuses a call (RFC 9457). */
export interface Problem {
  type: string;
  title: string;
  status: number;
  detail?: string | undefined;
}

";

/// The whole file.
pub(crate) fn file<'a>(
    document: &OpenApiDocument<'a>,
    types: &mut Types<'a>,
    operations: &[Operation<'a>],
) -> Result<String, ClientError> {
    let tokens = Tokens::of(document, operations);
    let (mut names, mut needs) = (Names::of_operations(), Needs::default());
    let (mut methods, mut arguments, mut has_empty) = (Vec::new(), String::new(), false);
    for operation in operations {
        let name = names.give(&camel(&operation.name));
        let token = tokens.of_operation(operation);
        let mut writer = ClientWriter { types: &mut *types, needs: &mut needs, operation, token };
        let written = writer.arguments(&name).and_then(|args| Ok((writer.method(&name, &args)?, args)));
        let (method, args) = written.map_err(|error| error.at(&operation.place()))?;
        methods.push(method);
        has_empty |= args.declaration.is_empty();
        arguments += &args.declaration;
    }
    let problem = match document.schema(PROBLEM) {
        Ok(_) => types.want(PROBLEM).map(|()| "")?,
        Err(_) => PROBLEM_OF_THE_RFC,
    };
    let declarations = types.declarations()?;
    let ids = if types.has_ids() { IDS } else { "" };
    let empty = if has_empty { "type NoArgs = { [key: string]: never };\n\n" } else { "" };
    let head = head(document, &methods.join("\n"));
    let types = "// ---- Types ------------------------------------------------------------------------------------------";
    Ok(format!(
        "{head}\n{types}--------------\n\n{ids}{problem}{declarations}\n{arguments}{empty}{}",
        needs.text()
    ))
}

fn head(document: &OpenApiDocument<'_>, methods: &str) -> String {
    let (title, version) = document.title();
    let title = format!("{title} {version}").replace(['\n', '\r'], " ").replace("*/", "");
    format!(
        "/* eslint-disable */\n\
         // Written by `client ts` from the OpenAPI document of {title}. Do not edit it: write it again.\n\n\
         /** A client of {title}: `const api = createClient({{ baseUrl: \"https://api.example.com\" }})`. */\n\
         export type Client = ReturnType<typeof createClient>;\n\n\
         /** Makes a client. Each operation is a function by its name in the API's document. */\n\
         export function createClient(options: ClientOptions = {{}}) {{\n  \
           const connection = new Connection(options);\n  \
           return {{\n{methods}  }};\n}}\n"
    )
}

/// The arguments of an operation: their type, and its declaration if it has one.
struct OperationArguments {
    ty: String,
    /// All may be left out.
    optional: bool,
    declaration: String,
}

struct ClientWriter<'w, 'a> {
    types: &'w mut Types<'a>,
    needs: &'w mut Needs,
    operation: &'w Operation<'a>,
    token: Option<ScriptToken>,
}

impl<'a> ClientWriter<'_, 'a> {
    fn arguments(&mut self, name: &str) -> Result<OperationArguments, ClientError> {
        let (mut fields, mut optional) = (String::new(), true);
        let operation = self.operation;
        for parameter in &operation.parameters {
            let ty = self.types.text(parameter.schema, "  ")?;
            fields += &field(&parameter.argument, &ty, parameter.required, &docs(parameter.docs, "  "));
            optional &= !parameter.required;
        }
        if let Some(body) = &operation.body {
            let ty = match body.kind {
                BodyKind::Json(schema) => self.types.text(schema, "  ")?,
                BodyKind::Form(ty) => ty.to_owned(),
                BodyKind::Bytes => "Bytes".to_owned(),
            };
            fields += &field("body", &ty, body.required, &docs(body.docs, "  "));
            optional &= !body.required;
        }
        if fields.is_empty() {
            return Ok(OperationArguments { ty: "NoArgs".to_owned(), optional, declaration: String::new() });
        }
        let ty = self.types.own(&format!("{}Args", pascal(name)));
        let declaration = format!("/** What `{name}` takes. */\nexport interface {ty} {{\n{fields}}}\n\n");
        Ok(OperationArguments { ty, optional, declaration })
    }

    fn method(&mut self, name: &str, args: &OperationArguments) -> Result<String, ClientError> {
        let operation = self.operation;
        let (sender, options) = self.sender()?;
        let mut plan = vec![("method", literal(&operation.method)), ("path", self.path())];
        plan.extend(values(operation, Location::Query).map(|query| ("query", query)));
        plan.extend(values(operation, Location::Header).map(|headers| ("headers", headers)));
        plan.extend(body(operation));
        plan.extend(reads(&operation.answer));
        let session = operation.session.map(|session| match session {
            SessionUse::Needed => "needed",
            SessionUse::Optional => "optional",
        });
        plan.extend(session.map(|session| ("session", literal(session))));
        plan.extend(self.token.map(|token| ("token", literal(token.word()))));
        let plan: String =
            plan.into_iter().map(|(field, value)| format!("        {field}: {value},\n")).collect();
        let bytes = match &operation.body {
            Some(body) if self.is_upload() && body.required => ", args.body",
            Some(_) if self.is_upload() => ", args.body ?? \"\"",
            _ => "",
        };
        let default = if args.optional { " = {}" } else { "" };
        let used = if args.declaration.is_empty() { "_args" } else { "args" };
        Ok(format!(
            "{}    {}: ({used}: {}{default}, options?: {options}) =>\n      \
             {sender}(connection, options{bytes}, {{\n{plan}      }}),\n",
            comment(&operation.docs, "    "),
            key(name),
            args.ty
        ))
    }

    /// The function that sends it, with the type of its answer, and the type of its options.
    fn sender(&mut self) -> Result<(String, &'static str), ClientError> {
        let operation = self.operation;
        let statuses = operation.problems.iter().map(ToString::to_string).collect::<Vec<_>>().join(" | ");
        let statuses = if statuses.is_empty() { "number".to_owned() } else { statuses };
        let value = match &operation.answer {
            SuccessAnswer::Events { schema } => {
                self.needs.events = true;
                let events = match schema {
                    Some(schema) => self.types.text(schema, "      ")?,
                    None => "{ event: string; data: unknown }".to_owned(),
                };
                return Ok((format!("stream<{events}>"), "StreamOptions"));
            }
            SuccessAnswer::Page { page, item } if !self.is_upload() => {
                self.needs.pages = true;
                let (item, page) = (self.types.text(item, "      ")?, self.types.text(page, "      ")?);
                return Ok((format!("list<{item}, {page}, {statuses}>"), "CallOptions"));
            }
            SuccessAnswer::Page { page, .. } => self.types.text(page, "      ")?,
            SuccessAnswer::Nothing => "void".to_owned(),
            SuccessAnswer::Text { .. } => "string".to_owned(),
            SuccessAnswer::Response { .. } => "Response".to_owned(),
            SuccessAnswer::Json { schemas, maybe_nothing } => {
                let texts: Result<Vec<_>, _> =
                    schemas.iter().map(|schema| self.types.text(schema, "      ")).collect();
                let value = union(texts?);
                if *maybe_nothing { with_undefined(&value) } else { value }
            }
        };
        if self.is_upload() {
            self.needs.uploads = true;
            return Ok((format!("upload<{value}, {statuses}>"), "UploadOptions"));
        }
        Ok((format!("call<{value}, {statuses}>"), "CallOptions"))
    }

    fn is_upload(&self) -> bool {
        self.operation.body.as_ref().is_some_and(|body| matches!(body.kind, BodyKind::Bytes))
    }

    /// The path as a text, or a template with its parameters.
    fn path(&mut self) -> String {
        let operation = self.operation;
        if !operation.path.contains('{') {
            return literal(operation.path);
        }
        self.needs.segments = true;
        let mut text = String::new();
        for part in operation.path.split_inclusive('}') {
            let (plain, name) = part.split_once('{').unwrap_or((part, ""));
            text += &plain.replace('\\', "\\\\").replace('`', "\\`").replace('$', "\\$");
            let name = name.trim_end_matches('}');
            let is_it = |one: &&Parameter<'_>| one.location == Location::Path && one.name == name;
            if let Some(parameter) = operation.parameters.iter().find(is_it) {
                text += &format!("${{segment({})}}", access("args", &parameter.argument));
            }
        }
        format!("`{text}`")
    }
}

/// The parameters of one place, as an object.
fn values(operation: &Operation<'_>, location: Location) -> Option<String> {
    let here = operation.parameters.iter().filter(|one| one.location == location);
    let values: Vec<String> = here
        .map(|one| {
            let value = access("args", &one.argument);
            let value = if one.joined { format!("{value}?.join(\",\")") } else { value };
            format!("{}: {value}", key(one.name))
        })
        .collect();
    (!values.is_empty()).then(|| format!("{{ {} }}", values.join(", ")))
}

/// The body and its content type; the bytes of an upload are given apart from the plan.
fn body(operation: &Operation<'_>) -> Vec<(&'static str, String)> {
    let Some(body) = &operation.body else { return Vec::new() };
    let content_type =
        if body.content_type.contains('*') { "application/octet-stream" } else { body.content_type };
    let content_type = ("type", literal(content_type));
    match body.kind {
        BodyKind::Json(_) => vec![("body", "JSON.stringify(args.body)".to_owned()), content_type],
        BodyKind::Form(_) => vec![("body", "args.body".to_owned())],
        BodyKind::Bytes => vec![content_type],
    }
}

/// What is asked for, and how the answer is read.
fn reads(answer: &SuccessAnswer<'_>) -> Vec<(&'static str, String)> {
    let (accept, read) = match answer {
        SuccessAnswer::Nothing => return vec![("read", literal("nothing"))],
        SuccessAnswer::Json { .. } | SuccessAnswer::Page { .. } => {
            return vec![("accept", literal("application/json"))];
        }
        SuccessAnswer::Events { .. } => return vec![("accept", literal("text/event-stream"))],
        SuccessAnswer::Text { accept } => (accept, "text"),
        SuccessAnswer::Response { accept } => (accept, "response"),
    };
    vec![("accept", literal(accept)), ("read", literal(read))]
}

fn field(name: &str, ty: &str, required: bool, docs: &str) -> String {
    match required {
        true => format!("{docs}  {}: {ty};\n", key(name)),
        false => format!("{docs}  {}?: {};\n", key(name), with_undefined(ty)),
    }
}
