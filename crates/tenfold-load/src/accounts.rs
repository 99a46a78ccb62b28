//! Who sends the requests: accounts that sign in, and organizations that sign up.

use std::collections::HashMap;

use anyhow::Context as _;
use bytes::Bytes;
use http::header::HeaderValue;
use serde_json::{Value, json};

use crate::document::{ApiDocument, ApiOperation};
use crate::scenario::{LoadAccount, LoadStep, Scenario};
use crate::visitor::Visitor;

/// The operation whose answer has the token of a session.
pub(crate) const SIGN_IN: &str = "sign_in";
/// The operation that makes an account with an organization.
pub(crate) const SIGN_UP: &str = "sign_up";

/// Lists inside lists are followed to this depth.
const DEPTH: usize = 4;
/// This many ids of each list are used, and the lists inside this many.
const IDS: usize = 100;
const OUTER_IDS: usize = 5;

/// Somebody who is signed in.
pub(crate) struct SignedAccount {
    pub authorization: HeaderValue,
    /// What it signed in with.
    pub credentials: Bytes,
    ids: HashMap<String, Vec<String>>,
}

/// Signs all accounts in: those of the scenario, or else that of the example if a request needs a session.
pub(crate) async fn sign_in(
    visitor: &Visitor<'_>,
    document: &ApiDocument,
    scenario: &Scenario,
) -> anyhow::Result<Vec<SignedAccount>> {
    let mut signed = Vec::new();
    let entrance = document.find(SIGN_IN);
    for account in &scenario.accounts {
        let entrance = entrance.with_context(|| format!("the API has no operation {SIGN_IN}"))?;
        signed.push(SignedAccount::enter(visitor, entrance, with_account(&entrance.example, account)).await?);
    }
    for number in 1..=scenario.organizations {
        signed.push(sign_up(visitor, document, number).await?);
    }
    let needs_session = |step: &LoadStep| {
        document.find(&step.operation).is_some_and(|step| step.needs_session || step.name == SIGN_IN)
    };
    let is_needed = scenario.steps.is_empty() || scenario.steps.iter().any(needs_session);
    if let (true, Some(entrance)) = (signed.is_empty() && is_needed, entrance) {
        signed.push(SignedAccount::enter(visitor, entrance, entrance.example.clone()).await?);
    }
    Ok(signed)
}

fn with_account(example: &Value, account: &LoadAccount) -> Value {
    let mut body = example.clone();
    body["email"] = account.email.clone().into();
    body["password"] = account.password.0.clone().into();
    body
}

/// Makes an organization with an account, or signs in if an earlier run has made it.
async fn sign_up(
    visitor: &Visitor<'_>,
    document: &ApiDocument,
    number: u32,
) -> anyhow::Result<SignedAccount> {
    let needs =
        |name| document.find(name).with_context(|| format!("`organizations` needs an operation {name}"));
    let (door, entrance) = (needs(SIGN_UP)?, needs(SIGN_IN)?);
    let mut new = door.example.clone();
    new["email"] = format!("load-{number}@load.test").into();
    new["organization"] = format!("Load {number}").into();
    let heard = visitor.post(&door.path, new.to_string().into()).await?;
    anyhow::ensure!(
        heard.is_success() || heard.status == 409,
        "organization {number} cannot sign up: {}; lower `organizations`",
        heard.reason()
    );
    let credentials = json!({"email": new["email"], "password": new["password"]});
    if heard.status == 409 {
        return SignedAccount::enter(visitor, entrance, credentials).await;
    }
    SignedAccount::new(&heard.json(), &credentials)
}

impl SignedAccount {
    async fn enter(visitor: &Visitor<'_>, entrance: &ApiOperation, body: Value) -> anyhow::Result<Self> {
        let heard = visitor.post(&entrance.path, body.to_string().into()).await?;
        anyhow::ensure!(
            heard.is_success(),
            "{} cannot sign in: {}; write an [[account]] that can into the scenario, or serve with --demo",
            body["email"].as_str().unwrap_or("the example's account"),
            heard.reason()
        );
        SignedAccount::new(&heard.json(), &body)
    }

    fn new(session: &Value, credentials: &Value) -> anyhow::Result<Self> {
        let token = session["token"].as_str().context("the answer to the sign-in has no token")?;
        let mut authorization = HeaderValue::from_str(&format!("Bearer {token}"))?;
        authorization.set_sensitive(true);
        let credentials = credentials.to_string().into();
        Ok(SignedAccount { authorization, credentials, ids: HashMap::new() })
    }

    /// The ids that an operation takes, by parameter; `None` if this account sees none for one of them.
    pub(crate) async fn ids_for(
        &mut self,
        visitor: &Visitor<'_>,
        document: &ApiDocument,
        operation: &ApiOperation,
    ) -> anyhow::Result<Option<Vec<(String, Vec<String>)>>> {
        let mut found = Vec::new();
        for parameter in operation.path_parameters() {
            let list = operation.ids.iter().find(|(name, _)| name == parameter).map(|(_, list)| list);
            let list = list.with_context(|| {
                format!("the example of {} does not say which ids {{{parameter}}} is", operation.name)
            })?;
            let ids = self.ids(visitor, document, list, DEPTH).await?;
            if ids.is_empty() {
                return Ok(None);
            }
            found.push((parameter.to_owned(), ids));
        }
        Ok(Some(found))
    }

    /// The ids in the first page of a list.
    async fn ids(
        &mut self,
        visitor: &Visitor<'_>,
        document: &ApiDocument,
        list: &str,
        depth: usize,
    ) -> anyhow::Result<Vec<String>> {
        if let Some(known) = self.ids.get(list) {
            return Ok(known.clone());
        }
        let operation = document.find(list).with_context(|| format!("the API has no list {list}"))?;
        let limit = if operation.takes_limit { format!("?limit={IDS}") } else { String::new() };
        let mut paths = vec![operation.path.clone()];
        for (parameter, outer) in operation.ids.iter().filter(|_| depth > 0) {
            let outer = Box::pin(self.ids(visitor, document, outer, depth - 1)).await?;
            let fill = |path: &String| {
                let place = format!("{{{parameter}}}");
                outer.iter().take(OUTER_IDS).map(|id| path.replace(&place, id)).collect::<Vec<_>>()
            };
            paths = paths.iter().flat_map(fill).collect();
        }
        let mut ids = Vec::new();
        for path in paths {
            let heard = visitor.get(&format!("{path}{limit}"), Some(&self.authorization)).await?;
            let list = heard.json();
            let items = list["items"].as_array().into_iter().flatten();
            ids.extend(items.filter_map(|item| item["id"].as_str()).map(str::to_owned));
        }
        self.ids.insert(list.to_owned(), ids.clone());
        Ok(ids)
    }
}
