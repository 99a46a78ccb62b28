//! What people prove themselves with, the same for people of organizations and for operators: hashes of passwords, codes of an
//! authenticator application.

pub mod argon2id;
pub mod totp;
