//! Stands in for the module that knows who is signed in, so that a module can be tested without it.

use std::collections::BTreeSet;
use std::sync::Arc;

use tenfold_data::{Context, OrgId, Principal, SystemContext, Uuid};

use crate::http::{Authenticate, Problem};
use crate::module::Module;

/// The session of a made-up user.
#[derive(Clone, Debug)]
pub struct TestSession {
    /// The organization that the user acts for.
    pub organization: OrgId,
    /// The user.
    pub user: Uuid,
    /// The names of what the user may do, separated by commas.
    pub permissions: String,
}

impl TestSession {
    /// User 1 of organization 1, with these permissions: `notes.read,notes.write`.
    pub fn new(permissions: &str) -> Self {
        let (organization, user) = (OrgId(Uuid::from_u128(1)), Uuid::from_u128(1));
        TestSession { organization, user, permissions: permissions.to_owned() }
    }

    /// The same in the organization with this number.
    pub fn of_organization(mut self, number: u128) -> Self {
        self.organization = OrgId(Uuid::from_u128(number));
        self
    }

    /// The same for the user with this number.
    pub fn of_user(mut self, number: u128) -> Self {
        self.user = Uuid::from_u128(number);
        self
    }

    /// What a request is signed with.
    pub fn token(&self) -> String {
        format!("{}@{}/{}", self.permissions, self.organization.0, self.user)
    }

    /// Reads a token. One that is only permissions is that of [`TestSession::new`].
    fn read(token: &str) -> Option<Self> {
        let Some((permissions, who)) = token.split_once('@') else { return Some(TestSession::new(token)) };
        let (organization, user) = who.split_once('/')?;
        let organization = OrgId(Uuid::parse_str(organization).ok()?);
        let user = Uuid::parse_str(user).ok()?;
        Some(TestSession { organization, user, permissions: permissions.to_owned() })
    }
}

/// A module that knows every [`TestSession`]: a request is signed with `.bearer(&session.token())`, or with the list
/// of permissions alone, `.bearer("notes.read,notes.write")`.
pub fn sessions() -> Module {
    Module::new("sessions").authenticates(|_| Arc::new(TestSessions))
}

struct TestSessions;

#[async_trait::async_trait]
impl Authenticate for TestSessions {
    async fn authenticate(&self, cx: &SystemContext, token: &str) -> Result<Option<Context>, Problem> {
        let Some(TestSession { organization, user, permissions }) = TestSession::read(token) else {
            return Ok(None);
        };
        let permissions: BTreeSet<String> = permissions.split(',').map(str::to_owned).collect();
        let principal = Principal { account: user, user, session: user, permissions: Arc::new(permissions) };
        Ok(Some(cx.within(organization).acting_for(principal)))
    }
}
