//! Where the mails to a user go.

use tenfold::prelude::*;
use tenfold_auth_api::{UserContact, UserId};

/// The contact of a user who gets mails: the address is confirmed, and neither the person nor the organization is suspended, nor is that
/// closed.
pub(crate) async fn contact(cx: &Context, user: UserId) -> Result<Option<UserContact>, DataError> {
    let found: Option<(String, Option<String>, String)> = sql!(
        "auth_users.contact",
        "SELECT a.email, s.locale, o.name
         FROM auth_users u
         JOIN auth_accounts a ON a.id = u.account_id
         JOIN auth_organizations o ON o.id = u.org_id
         LEFT JOIN auth_settings s ON s.org_id = u.org_id AND s.user_id = u.id
         WHERE u.org_id = $1 AND u.id = $2 AND a.confirmed_at IS NOT NULL AND a.suspended_at IS NULL
           AND o.closed_at IS NULL AND o.suspended_at IS NULL"
    )
    .bind(user)
    .bounded()
    .first(cx)
    .await?;
    Ok(found.map(|(email, locale, organization)| UserContact {
        email,
        locale: locale.unwrap_or_default(),
        organization,
    }))
}
