//! All routes of the module, a line each.

use tenfold::prelude::*;

use crate::{
    account, api_keys, closing, invitations, organization, providers, second_factor, sessions, users,
};

pub(crate) fn all() -> Routes {
    Routes::new()
        .routes(routes!(sessions::sign_up::sign_up))
        .routes(routes!(sessions::sign_in::sign_in))
        .routes(routes!(sessions::switch::switch))
        .routes(routes!(sessions::sign_out::sign_out))
        .routes(routes!(sessions::current::current_session))
        .routes(routes!(sessions::list::list_sessions, sessions::end_others::end_other_sessions))
        .routes(routes!(sessions::end::end_session))
        .routes(routes!(account::verify::verify_address))
        .routes(routes!(account::resend::resend_verification))
        .routes(routes!(account::forgot::forgot_password))
        .routes(routes!(account::reset::reset_password))
        .routes(routes!(account::link::request_link))
        .routes(routes!(account::link_accept::accept_link))
        .routes(routes!(account::address::change_address))
        .routes(routes!(account::password::change_password))
        .routes(routes!(account::sudo::enter_sudo))
        .routes(routes!(users::list::list_users))
        .routes(routes!(second_factor::set_up::set_up_totp, second_factor::remove::remove_totp))
        .routes(routes!(second_factor::confirm::confirm_totp))
        .routes(routes!(second_factor::recovery_codes::renew_recovery_codes))
        .routes(routes!(second_factor::answer::answer_second_factor))
        .routes(routes!(providers::list::list_providers))
        .routes(routes!(providers::link::link_provider))
        .routes(routes!(providers::identities::list_identities))
        .routes(routes!(providers::remove::remove_identity))
        .merge(providers::browser::routes())
        .routes(routes!(account::profile::patch_profile))
        .routes(routes!(account::own::get_account))
        .routes(routes!(users::get::get_user, users::patch::patch_user, users::remove::remove_user))
        .routes(routes!(users::role::change_role))
        .routes(routes!(invitations::list::list_invitations, invitations::create::create_invitation))
        .routes(routes!(invitations::revoke::revoke_invitation))
        .routes(routes!(invitations::accept::accept_invitation))
        .routes(routes!(api_keys::list::list_api_keys, api_keys::create::create_api_key))
        .routes(routes!(api_keys::revoke::revoke_api_key))
        .routes(routes!(organization::get::get_organization, organization::change::change_organization))
        .routes(routes!(organization::leave::leave_organization))
        .routes(routes!(organization::transfer::transfer_ownership))
        .routes(routes!(closing::close::close_organization))
        .routes(routes!(closing::reopen::reopen_organization))
}
