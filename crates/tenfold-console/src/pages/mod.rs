//! The pages, one file each: input and view.

pub(crate) mod cache;
pub(crate) mod changes;
pub(crate) mod days;
pub(crate) mod deploys;
pub(crate) mod endpoints;
pub(crate) mod events;
pub(crate) mod job;
pub(crate) mod jobs;
pub(crate) mod log;
pub(crate) mod mail;
pub(crate) mod mails;
pub(crate) mod modules;
pub(crate) mod organization;
pub(crate) mod overview;
pub(crate) mod people;
pub(crate) mod person;
pub(crate) mod queues;
mod shown;
pub(crate) mod sign_in;
pub(crate) mod statements;
pub(crate) mod trace;
pub(crate) mod traces;
pub(crate) mod why;

pub(crate) use self::shown::ShownJob;
