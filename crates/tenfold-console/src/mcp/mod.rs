//! The Model Context Protocol (MCP): what the console knows, for coding agents, at `/console/mcp`.
//!
//! Written by hand (decision 75): JSON-RPC 2.0 over POST, without streams and without state. Both generations of the protocol are served:
//! revision 2026-07-28, whose requests name their revision, and those before it, which begin with `initialize`.
//!
//! `door.rs` is HTTP, `message.rs` JSON-RPC, `revision.rs` which revision a message speaks, `method.rs` what it asks for; `tools/` has a
//! file for each tool, `input.rs` what a tool takes, `bounds.rs` how long an answer may be.

mod bounds;
mod door;
mod input;
mod message;
mod method;
mod revision;
mod tool;
mod tools;

pub(crate) use self::door::door;
