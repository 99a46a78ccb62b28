//! The interface of the auth module: what other modules may know of identity and organizations.
