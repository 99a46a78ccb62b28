//! For tests: an application on a real database, driven through HTTP.
