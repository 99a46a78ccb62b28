//! Accounts, organizations, users, sessions: the private side of the auth module.
