//! The auth module.

mod cookies;
mod passwords;
mod secrets;
mod sessions;
mod sign_in;
mod sign_up;
mod throttle;
mod tokens;
mod users;
mod users_list;
