//! What of a job's arguments and results may be shown.
//!
//! A secret does not belong into a job: the row outlives it. Somebody will store one all the same, so what is named like
//! one is hidden wherever an operator sees a job.

use serde_json::Value;

/// Words in the name of a field that holds a secret.
const NAMES: [&str; 6] = ["password", "secret", "token", "api_key", "apikey", "credential"];

/// The value with each field hidden whose name says that it holds a secret.
pub fn without_secrets(value: &Value) -> Value {
    match value {
        Value::Object(fields) => Value::Object(
            fields
                .iter()
                .map(|(name, value)| {
                    let shown = if is_secret(name) { Value::from("…") } else { without_secrets(value) };
                    (name.clone(), shown)
                })
                .collect(),
        ),
        Value::Array(items) => items.iter().map(without_secrets).collect(),
        plain => plain.clone(),
    }
}

fn is_secret(name: &str) -> bool {
    let name = name.to_lowercase();
    NAMES.iter().any(|word| name.contains(word))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::without_secrets;

    #[test]
    fn hides_secrets_at_any_depth() {
        let args = json!({"file": 1, "resetToken": "abc", "to": [{"Password": "x", "name": "Ada"}]});
        let shown = json!({"file": 1, "resetToken": "…", "to": [{"Password": "…", "name": "Ada"}]});
        assert_eq!(without_secrets(&args), shown);
    }
}
