//! Finds people and organizations for operators.

use std::collections::HashMap;

use tenfold::data::Uuid;
use tenfold::http::{
    AdministeredInvitation, AdministeredMember, AdministeredNames, AdministeredOrganization,
    AdministeredPerson,
};
use tenfold::prelude::*;
use tenfold_auth_api::{AccountId, UserId};

use crate::email::canonical;
use crate::entities::{AccountStanding, Invitation, Membership, Organization, User};
use crate::members::rank;

/// The most people of an organization and organizations of a person that are shown.
const SHOWN: usize = 100;

/// Those whose address begins with these words.
pub(super) async fn people(
    cx: &SystemContext,
    words: &str,
    limit: usize,
) -> Result<Vec<AdministeredPerson>, DataError> {
    let words = canonical(words);
    let from = AccountStanding::query().filter(AccountStanding::email.ge(words.clone()));
    let found = from.filter(AccountStanding::email.lt(behind(&words))).order_by(AccountStanding::email);
    Ok(found.limit(limit).all(cx).await?.iter().map(shown_person).collect())
}

/// Those whose name begins with these words.
pub(super) async fn organizations(
    cx: &SystemContext,
    words: &str,
    limit: usize,
) -> Result<Vec<AdministeredOrganization>, DataError> {
    let from = Organization::query().filter(Organization::name.ge(words.to_owned()));
    let found = from.filter(Organization::name.lt(behind(words))).order_by(Organization::name);
    Ok(found.limit(limit).all(cx).await?.iter().map(shown_organization).collect())
}

/// A text behind all that begin with these words: text sorts byte by byte.
fn behind(words: &str) -> String {
    format!("{words}\u{10ffff}")
}

pub(super) async fn person(cx: &SystemContext, id: AccountId) -> Result<AdministeredPerson, Problem> {
    let account = AccountStanding::find(cx, id).await?.ok_or_else(|| Problem::not_found("person"))?;
    let memberships = Membership::query().filter(Membership::account_id.eq(id));
    let memberships = memberships.order_by_descending(Membership::last_used_at).limit(SHOWN).all(cx).await?;
    let mut organizations = Vec::with_capacity(memberships.len());
    for membership in &memberships {
        organizations.push(shown_organization(membership.organization.get(cx).await?));
    }
    let sessions: Option<(i64,)> = sql!(
        "auth_sessions.count_open",
        "SELECT count(*) FROM (SELECT id FROM auth_sessions WHERE account_id = $1 AND expires_at > $2 LIMIT 1000) AS open"
    )
    .bind(id)
    .bind(cx.now())
    .bounded()
    .first(cx)
    .await?;
    let sessions = sessions.map_or(0, |(count,)| count);
    Ok(AdministeredPerson { organizations, sessions, ..shown_person(&account) })
}

pub(super) async fn organization(cx: &SystemContext, id: OrgId) -> Result<AdministeredOrganization, Problem> {
    let organization = Organization::get(cx, id).await?;
    let tenant = cx.within(id);
    let owners = User::query().filter(User::role.eq(Role::Owner)).limit(SHOWN).all(&tenant).await?;
    let all =
        User::query().order_by(User::email).limit(SHOWN).all(&tenant.repeating("owners come first")).await?;
    let mut people: Vec<AdministeredMember> = owners.iter().chain(all.iter()).map(shown_member).collect();
    people.sort_by(|one, other| one.email.cmp(&other.email));
    people.dedup_by(|one, other| one.account == other.account);
    let rank = |member: &AdministeredMember| {
        let roles = [Role::Owner, Role::Admin, Role::Member];
        roles.into_iter().find(|role| role.as_str() == member.role).map_or(0, rank)
    };
    people.sort_by_key(|member| std::cmp::Reverse(rank(member)));
    let invitations = Invitation::query().order_by(Invitation::email).limit(SHOWN).all(&tenant).await?;
    let invitations = invitations.iter().map(shown_invitation).collect();
    Ok(AdministeredOrganization { people, invitations, ..shown_organization(&organization) })
}

/// The names of these organizations and the addresses of these users of theirs.
pub(super) async fn names(
    cx: &SystemContext,
    organizations: &[OrgId],
    users: &[Uuid],
) -> Result<AdministeredNames, DataError> {
    let of_these = Organization::id.any_of(organizations.to_vec());
    let found = Organization::query().filter(of_these).limit(SHOWN).all(cx).await?;
    let named = found.iter().map(|found| (found.id, found.name.clone())).collect();
    let mut known = HashMap::new();
    for organization in organizations {
        // The key of users begins with the organization, and a page names few of them.
        let tenant = cx.within(*organization).repeating("a page has few organizations");
        let of_these = User::query().filter(User::id.any_of(users.iter().copied().map(UserId)));
        let found = of_these.limit(SHOWN).all(&tenant).await?;
        known.extend(found.iter().map(|user| (user.id.0, (user.account_id.0, user.email.clone()))));
    }
    Ok(AdministeredNames { organizations: named, users: known })
}

fn shown_person(account: &AccountStanding) -> AdministeredPerson {
    AdministeredPerson {
        id: account.id.0,
        email: account.email.clone(),
        is_confirmed: account.confirmed_at.is_some(),
        suspended_at: account.suspended_at,
        created_at: account.created_at,
        organizations: Vec::new(),
        sessions: 0,
    }
}

fn shown_organization(organization: &Organization) -> AdministeredOrganization {
    AdministeredOrganization {
        id: organization.id,
        name: organization.name.clone(),
        suspended_at: organization.suspended_at,
        closed_at: organization.closed_at,
        erase_at: organization.erase_at,
        created_at: organization.created_at,
        people: Vec::new(),
        invitations: Vec::new(),
    }
}

fn shown_invitation(invitation: &Invitation) -> AdministeredInvitation {
    AdministeredInvitation {
        id: invitation.id.0,
        email: invitation.email.clone(),
        role: invitation.role.as_str(),
        expires_at: invitation.expires_at,
    }
}

fn shown_member(user: &User) -> AdministeredMember {
    AdministeredMember { account: user.account_id.0, email: user.email.clone(), role: user.role.as_str() }
}
