//! `app mcp`: the Model Context Protocol on standard input and output, for a coding agent that starts this command. It passes
//! messages to `/console/mcp` of the running application, so both doors have the same tools.

use std::io::{BufRead as _, Read as _, Write as _};
use std::net::SocketAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use serde_json::{Value, json};

use super::console_sign_in::{ConsoleRefusal, RemoteConsole};
use super::plain_http::{PlainAnswer, exchange};
use crate::config::Loaded;

/// The longest message that is read, in bytes; the application reads shorter ones still.
const LONGEST: u64 = 1024 * 1024;
/// An error of the server itself (JSON-RPC 2.0).
const INTERNAL: i64 = -32603;
/// The sign-in with a code has ended.
const ENDED: &str =
    "the sign-in has ended, and its code works once: start again with a new TENFOLD_OPERATOR_CODE";

/// Serve a coding agent on standard input and output.
#[derive(Args)]
pub(super) struct McpCommand {
    /// The application, http://HOST:PORT [default: http.listen].
    #[arg(long, value_name = "URL")]
    at: Option<String>,
}

impl McpCommand {
    /// Answers messages, one a line, until the input ends.
    ///
    /// # Errors
    /// There is no password to sign in with, or the output is closed. An application that does not answer is the answer to each
    /// message: it may be started later.
    pub(super) async fn run(&self, loaded: &Loaded, listen: SocketAddr) -> anyhow::Result<()> {
        let console = RemoteConsole::new(loaded, listen, self.at.as_deref(), "mcp")?;
        let mut bridge = McpBridge { console, token: None, spent: None };
        // An operator's code is valid now, and may not be at the first message.
        if let Err(error) = bridge.sign_in().await {
            tracing::debug!(%error, "the application is asked again at the first message");
        }
        while let Some(message) = next_line().await? {
            if message.trim().is_empty() {
                continue;
            }
            if let Some(answer) = bridge.answer(&message).await {
                let mut out = std::io::stdout().lock();
                writeln!(out, "{answer}")?;
                out.flush()?;
            }
        }
        Ok(())
    }
}

/// The next line of the input; none at its end.
async fn next_line() -> anyhow::Result<Option<String>> {
    let read = || {
        let mut line = Vec::new();
        std::io::stdin().lock().take(LONGEST).read_until(b'\n', &mut line)?;
        std::io::Result::Ok(line)
    };
    let line = tokio::task::spawn_blocking(read).await??;
    anyhow::ensure!(
        (line.len() as u64) < LONGEST || line.ends_with(b"\n"),
        "a message may have 1 MiB, and this one is longer"
    );
    Ok((!line.is_empty()).then(|| String::from_utf8_lossy(&line).into_owned()))
}

/// Passes messages on, and signs in when that is needed.
struct McpBridge {
    console: RemoteConsole,
    token: Option<String>,
    /// Why the operator's code is not shown again: it works once, and wrong ones block the operator.
    spent: Option<ConsoleRefusal>,
}

impl McpBridge {
    async fn sign_in(&mut self) -> anyhow::Result<String> {
        if let Some(why) = &self.spent {
            return Err(why.clone().into());
        }
        let token = self.console.token().await;
        if self.console.takes_code() {
            self.spent = match &token {
                Ok(_) => Some(ConsoleRefusal(ENDED.to_owned())),
                // Without an answer the code may still be good.
                Err(error) => error.downcast_ref().cloned(),
            };
        }
        let token = token?;
        self.token = Some(token.clone());
        Ok(token)
    }

    /// The line that answers a message; none for a notification.
    async fn answer(&mut self, message: &str) -> Option<String> {
        let parsed: Option<Value> = serde_json::from_str(message).ok();
        let host = self.console.host.clone();
        let answer = match self.pass(message, parsed.as_ref()).await {
            // What JSON-RPC says about a message, whatever the status.
            Ok(answer) if answer.status == 202 => return None,
            Ok(answer) if answer.body.contains("\"jsonrpc\"") => return Some(answer.body.replace('\n', " ")),
            Ok(answer) => {
                format!("the application at http://{host} answers {}: {}", answer.status, answer.body)
            }
            Err(error) if error.is::<ConsoleRefusal>() => {
                format!("the application at http://{host} refuses the sign-in: {error}")
            }
            Err(error) => format!("the application at http://{host} does not answer: {error:#}"),
        };
        // A notification has no id, and gets no answer.
        let id = match &parsed {
            Some(Value::Object(fields)) => {
                fields.get("id").filter(|_| fields.contains_key("method"))?.clone()
            }
            _ => Value::Null,
        };
        Some(json!({"jsonrpc": "2.0", "id": id, "error": {"code": INTERNAL, "message": answer}}).to_string())
    }

    async fn pass(&mut self, message: &str, parsed: Option<&Value>) -> anyhow::Result<PlainAnswer> {
        let token = match &self.token {
            Some(token) => token.clone(),
            None => self.sign_in().await?,
        };
        let answer = self.post(message, parsed, &token).await?;
        if answer.status != 401 {
            return Ok(answer);
        }
        // The sign-in has ended, or the application has another key since.
        self.token = None;
        let token = self.sign_in().await?;
        let answer = self.post(message, parsed, &token).await?;
        if answer.status == 401 { Err(self.console.refused().into()) } else { Ok(answer) }
    }

    async fn post(&self, message: &str, parsed: Option<&Value>, token: &str) -> anyhow::Result<PlainAnswer> {
        let bearer = format!("Bearer {token}");
        let mirrored = parsed.map(mirrored).unwrap_or_default();
        let mut headers = vec![
            ("Content-Type", "application/json"),
            ("Accept", "application/json, text/event-stream"),
            ("Authorization", &bearer),
        ];
        headers.extend(mirrored.iter().map(|(name, value)| (*name, value.as_str())));
        exchange(&self.console.host, "POST /console/mcp", &headers, message.trim_end()).await
    }
}

/// The headers that repeat parts of a message of revision 2026-07-28, which names its revision itself; earlier ones need none.
fn mirrored(message: &Value) -> Vec<(&'static str, String)> {
    let params = &message["params"];
    let Some(version) = params["_meta"]["io.modelcontextprotocol/protocolVersion"].as_str() else {
        return Vec::new();
    };
    let named = [
        ("MCP-Protocol-Version", Some(version)),
        ("Mcp-Method", message["method"].as_str()),
        ("Mcp-Name", params["name"].as_str()),
    ];
    named.into_iter().filter_map(|(name, value)| Some((name, header_value(value?)))).collect()
}

/// The text itself if it can be a header's value, else in base64, as the revision says.
fn header_value(text: &str) -> String {
    let is_plain = text.bytes().all(|byte| (0x20..0x7f).contains(&byte)) && text.trim() == text;
    if is_plain && !text.starts_with("=?base64?") {
        return text.to_owned();
    }
    format!("=?base64?{}?=", STANDARD.encode(text))
}
