//! Makes a mix of requests that can be sent from a scenario, or from the examples of the API's document.

use std::time::Duration;

use anyhow::Context as _;

use crate::accounts::{self, SIGN_IN, SIGN_UP, SignedAccount};
use crate::arrivals::{Arrival, Share};
use crate::document::{ApiDocument, ApiOperation, BodyForm};
use crate::request::{PreparedBody, PreparedStep, StepCaller, UNIQUE};
use crate::scenario::{LoadStep, Scenario};
use crate::seeded::Seeded;
use crate::visitor::{Heard, Visitor};

/// How long a stream is held open unless its step says it.
const HOLD_SECONDS: u32 = 1;

/// Without a scenario, a read is this much more frequent than a write, and than a sign-in.
const READ_WEIGHT: u32 = 10;
const WRITE_WEIGHT: u32 = 2;
const SIGN_IN_WEIGHT: u32 = 1;

/// Operations of the examples that are not sent: they make accounts, or take from the one account what all others need, such as its
/// session, password, role or organization, or work once, for ten minutes after the password was typed, or a few times, for the mails they send.
const LEFT_OUT: [&str; 14] = [
    SIGN_UP,
    "sign_out",
    "change_password",
    "change_role",
    "leave_organization",
    "close_organization",
    "transfer_ownership",
    "change_address",
    "resend_verification",
    "create_invitation",
    "create_api_key",
    "enter_sudo",
    "link_provider",
    "set_up_totp",
];

/// What a run sends.
pub(crate) struct Prepared {
    pub steps: Vec<PreparedStep>,
    pub accounts: usize,
    /// Operations of the examples that are not sent, with the reason.
    pub left_out: Vec<String>,
}

impl Prepared {
    /// How often each step comes.
    pub(crate) fn mix(&self) -> Vec<Share> {
        self.steps.iter().map(|step| Share { weight: step.weight, accounts: step.callers.len() }).collect()
    }

    /// How many kinds of its requests change something.
    pub(crate) fn writing_steps(&self) -> usize {
        self.steps.iter().filter(|step| step.operation.writes() && step.operation.name != SIGN_IN).count()
    }
}

/// Signs in, collects ids, and calls each step once.
pub(crate) async fn prepare(
    visitor: &Visitor<'_>,
    document: &ApiDocument,
    scenario: Option<&Scenario>,
    seed: u64,
) -> anyhow::Result<Prepared> {
    let nothing = Scenario::default();
    let mut accounts = accounts::sign_in(visitor, document, scenario.unwrap_or(&nothing)).await?;
    let mut prepared = Prepared { steps: Vec::new(), accounts: accounts.len(), left_out: Vec::new() };
    if let Some(scenario) = scenario {
        for step in &scenario.steps {
            let ready = ready(visitor, document, &mut accounts, step, seed).await;
            prepared.steps.push(ready.with_context(|| format!("{}:{}", scenario.file, step.line))?);
        }
        return Ok(prepared);
    }
    for step in examples(document) {
        match ready(visitor, document, &mut accounts, &step, seed).await {
            Ok(step) => prepared.steps.push(step),
            Err(reason) => prepared.left_out.push(format!("{reason:#}")),
        }
    }
    anyhow::ensure!(
        !prepared.steps.is_empty(),
        "no operation can be called by its example ({}): write a scenario",
        prepared.left_out.join("; ")
    );
    Ok(prepared)
}

/// The operations that can be called again and again by their examples.
fn examples(document: &ApiDocument) -> impl Iterator<Item = LoadStep> {
    let can_be_repeated = |operation: &&ApiOperation| {
        let is_left_out = operation.method == http::Method::DELETE || LEFT_OUT.contains(&&*operation.name);
        (operation.needs_session || operation.name == SIGN_IN) && !is_left_out
    };
    document.operations().filter(can_be_repeated).map(|operation| LoadStep {
        line: 0,
        operation: operation.name.clone(),
        weight: match operation.writes() {
            _ if operation.name == SIGN_IN => SIGN_IN_WEIGHT,
            true => WRITE_WEIGHT,
            false => READ_WEIGHT,
        },
        query: None,
        body: None,
        bytes: None,
        hold_seconds: None,
    })
}

/// A step with its callers, after a first call that succeeded.
async fn ready(
    visitor: &Visitor<'_>,
    document: &ApiDocument,
    accounts: &mut [SignedAccount],
    step: &LoadStep,
    seed: u64,
) -> anyhow::Result<PreparedStep> {
    let operation = document.find(&step.operation);
    let operation = operation.with_context(|| {
        format!("the API has no operation `{}`; it has {}", step.operation, document.names())
    })?;
    anyhow::ensure!(
        operation.is_stream || step.hold_seconds.is_none(),
        "`hold_seconds` is refused: {} is no stream of events; {}",
        operation.name,
        document.streams()
    );
    let body = body(operation, step, seed)?;
    let callers = callers(visitor, document, accounts, operation).await?;
    let prepared = PreparedStep {
        operation: operation.clone(),
        weight: step.weight,
        query: step.query.clone().or_else(|| operation.query.clone()),
        body,
        hold: Duration::from_secs(step.hold_seconds.unwrap_or(HOLD_SECONDS).into()),
        callers,
    };
    // What it deletes would be missing later.
    if operation.method != http::Method::DELETE {
        let heard = try_once(visitor, &prepared, seed).await?;
        anyhow::ensure!(heard.is_success(), "{} answers {}", operation.name, heard.reason());
    }
    Ok(prepared)
}

fn body(operation: &ApiOperation, step: &LoadStep, seed: u64) -> anyhow::Result<PreparedBody> {
    let name = &operation.name;
    let has_own = step.body.is_some() || step.bytes.is_some();
    let Some(form) = operation.body else {
        anyhow::ensure!(!has_own, "{name} takes no body: leave out `body` and `bytes`");
        return Ok(PreparedBody::Nothing);
    };
    let body = step.body.as_ref().unwrap_or(&operation.example);
    match (form, step.bytes) {
        (BodyForm::Json, Some(_)) => anyhow::bail!("{name} takes JSON: write `body` in place of `bytes`"),
        (BodyForm::Json, None) => Ok(PreparedBody::Json(body.to_string())),
        (BodyForm::Bytes, Some(bytes)) => Ok(PreparedBody::Bytes(Seeded::new(seed).bytes(bytes).into())),
        (BodyForm::Bytes, None) => {
            let text =
                body.as_str().with_context(|| format!("{name} takes bytes: write `body` as a text"))?;
            anyhow::ensure!(!text.contains(UNIQUE), "{name} takes bytes, in which {UNIQUE} is not replaced");
            Ok(PreparedBody::Bytes(text.to_owned().into()))
        }
    }
}

/// Those who can call it.
async fn callers(
    visitor: &Visitor<'_>,
    document: &ApiDocument,
    accounts: &mut [SignedAccount],
    operation: &ApiOperation,
) -> anyhow::Result<Vec<StepCaller>> {
    let name = &operation.name;
    let is_sign_in = name == SIGN_IN;
    if !operation.needs_session && !is_sign_in {
        let has_ids = operation.path_parameters().next().is_some();
        anyhow::ensure!(!has_ids, "{name} needs no session, so nobody can look up its ids");
        return Ok(vec![StepCaller { authorization: None, ids: Vec::new(), body: None }]);
    }
    anyhow::ensure!(!accounts.is_empty(), "{name} needs a session, and the API has no operation {SIGN_IN}");
    let mut callers = Vec::new();
    for account in accounts {
        let Some(ids) = account.ids_for(visitor, document, operation).await? else { continue };
        let authorization = Some(account.authorization.clone()).filter(|_| !is_sign_in);
        let body = Some(account.credentials.clone()).filter(|_| is_sign_in);
        callers.push(StepCaller { authorization, ids, body });
    }
    let lists: Vec<&str> = operation.ids.iter().map(|(_, list)| &**list).collect();
    anyhow::ensure!(!callers.is_empty(), "{name} takes an id, and {} is empty", lists.join(" or "));
    Ok(callers)
}

async fn try_once(visitor: &Visitor<'_>, step: &PreparedStep, seed: u64) -> anyhow::Result<Heard> {
    // Not a choice that the run makes: a unique text would be there twice.
    let choice = Seeded::new(!seed).number();
    let arrival = Arrival { at: Duration::ZERO, step: 0, account: 0, choice };
    visitor.call(step.request(&arrival, visitor.host())?).await
}
