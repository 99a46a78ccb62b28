//! The pages, a file each: what it takes, and what it shows.

pub(crate) mod endpoints;
pub(crate) mod job;
pub(crate) mod jobs;
pub(crate) mod overview;
pub(crate) mod sign_in;
pub(crate) mod statements;
pub(crate) mod trace;
pub(crate) mod traces;
