//! The auth module.

mod cookies;
mod secrets;
mod sessions;
mod sign_in;
mod sign_up;
mod tokens;
mod users;
mod users_list;
