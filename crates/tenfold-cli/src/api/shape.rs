//! A schema in normal form: references resolved, `allOf` merged, "X or null" made a nullable X.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// Bounds below which a request is refused.
const LEAST: [&str; 4] = ["minimum", "exclusiveMinimum", "minLength", "minItems"];
/// Bounds above which a request is refused.
const MOST: [&str; 4] = ["maximum", "exclusiveMaximum", "maxLength", "maxItems"];
/// References nested deeper than this are circular.
const DEEPEST: usize = 32;

/// A schema in a form that can be compared.
#[derive(Debug, Default)]
pub struct SchemaShape {
    /// The types that a value may have, including `null`; none: any.
    pub types: Option<BTreeSet<String>>,
    /// The values that it may have, as JSON; none: any.
    pub values: Option<BTreeSet<String>>,
    /// The schemas of an object's fields.
    pub properties: BTreeMap<String, Value>,
    /// The required fields.
    pub required: BTreeSet<String>,
    /// Whether other fields are refused.
    pub closed: bool,
    /// The schema of a list's items.
    pub items: Option<Value>,
    /// Schemas of which a value must match one.
    pub alternatives: Vec<Value>,
    /// `format` and `pattern`, if there are any.
    pub form: BTreeMap<&'static str, String>,
    /// Lower bounds.
    pub least: BTreeMap<&'static str, f64>,
    /// Upper bounds.
    pub most: BTreeMap<&'static str, f64>,
}

/// The name of the schema that this one refers to, whether nullable or not.
pub fn name_of(schema: &Value) -> Option<&str> {
    if let Some(path) = schema["$ref"].as_str() {
        return path.strip_prefix("#/components/schemas/");
    }
    if let Some(content) = json_in(schema) {
        return name_of(content);
    }
    match present(schema).as_slice() {
        [only] => name_of(only),
        _ => None,
    }
}

/// The schema of the JSON in a text, such as the data of an event: what clients read is compared, not the text.
fn json_in(schema: &Value) -> Option<&Value> {
    schema.get("contentSchema").filter(|_| schema["contentMediaType"] == "application/json")
}

/// The alternatives of a schema without `null`.
fn present(schema: &Value) -> Vec<&Value> {
    let all = schema["oneOf"].as_array().or_else(|| schema["anyOf"].as_array());
    all.into_iter().flatten().filter(|one| one["type"] != "null").collect()
}

impl SchemaShape {
    /// The shape of a schema of this document.
    pub fn of(document: &Value, schema: &Value) -> Self {
        let mut shape = SchemaShape::default();
        shape.add(document, schema, 0);
        shape
    }

    fn add(&mut self, document: &Value, schema: &Value, depth: usize) {
        if depth > DEEPEST {
            return;
        }
        if let Some(content) = json_in(schema) {
            return self.add(document, content, depth + 1);
        }
        if let Some(pointer) = schema["$ref"].as_str().and_then(|path| path.strip_prefix('#'))
            && let Some(target) = document.pointer(pointer)
        {
            self.add(document, target, depth + 1);
        }
        for part in schema["allOf"].as_array().into_iter().flatten() {
            self.add(document, part, depth + 1);
        }
        match present(schema).as_slice() {
            [] => {}
            [only] => self.add(document, only, depth + 1),
            several => self.alternatives = several.iter().map(|one| (*one).clone()).collect(),
        }
        self.add_own(schema);
        let all = schema["oneOf"].as_array().or_else(|| schema["anyOf"].as_array());
        let has_null = all.is_some_and(|all| all.iter().any(|one| one["type"] == "null"));
        if has_null {
            self.types.get_or_insert_default().insert("null".to_owned());
            if let Some(values) = &mut self.values {
                values.insert("null".to_owned());
            }
        }
    }

    /// Adds the keywords of the schema itself.
    fn add_own(&mut self, schema: &Value) {
        match &schema["type"] {
            Value::String(one) => self.types = Some(BTreeSet::from([one.clone()])),
            Value::Array(several) => {
                self.types = Some(several.iter().filter_map(Value::as_str).map(str::to_owned).collect());
            }
            _ => {}
        }
        if let Some(values) = schema["enum"].as_array() {
            self.values = Some(values.iter().map(Value::to_string).collect());
        }
        if let Some(value) = schema.get("const") {
            self.values = Some(BTreeSet::from([value.to_string()]));
        }
        let properties = schema["properties"].as_object().into_iter().flatten();
        self.properties.extend(properties.map(|(name, property)| (name.clone(), property.clone())));
        let required = schema["required"].as_array().into_iter().flatten();
        self.required.extend(required.filter_map(Value::as_str).map(str::to_owned));
        self.closed |= schema["additionalProperties"] == false;
        if let Some(items) = schema.get("items") {
            self.items = Some(items.clone());
        }
        for key in ["format", "pattern"] {
            self.form.extend(schema[key].as_str().map(|text| (key, text.to_owned())));
        }
        self.least.extend(LEAST.iter().filter_map(|key| Some((*key, schema[key].as_f64()?))));
        self.most.extend(MOST.iter().filter_map(|key| Some((*key, schema[key].as_f64()?))));
    }
}
