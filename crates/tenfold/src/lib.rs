//! What an application imports: App, Module, Context, HTTP, configuration and test support.

pub mod config;
