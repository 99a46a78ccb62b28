//! Configuration in layers, where every value knows where it came from.
//!
//! Four sources, the later ones win: the documented defaults inside the program, a TOML file, the
//! environment, the command line. The defaults are also the list of what exists: a key that is not there is
//! refused wherever it is written, so that a typo stops the start instead of being ignored until 3 AM.
//!
//! ```
//! # fn main() -> Result<(), tenfold::config::ConfigError> {
//! use serde::Deserialize;
//! use tenfold::config::{ByteSize, Loader, Presence};
//!
//! #[derive(Deserialize)]
//! #[serde(deny_unknown_fields)]
//! struct HttpSettings { listen: String, body_limit: ByteSize }
//!
//! let defaults = r#"
//! [http]
//! listen = "127.0.0.1:8080"   # address and port to listen on
//! body_limit = "1 MiB"        # largest request body
//! "#;
//! let loaded = Loader::new("defaults.toml", defaults)?
//!     .file("does-not-exist.toml", Presence::Optional)?
//!     .environment([("TENFOLD_HTTP__BODY_LIMIT", "64 KiB")])?
//!     .flag("--listen", "http.listen", Some("0.0.0.0:80"))?
//!     .load();
//! let http: HttpSettings = loaded.section("http")?;
//! loaded.within("http.body_limit", http.body_limit, ByteSize::kib(1)..=ByteSize::mib(64))?;
//! assert_eq!(http.body_limit, ByteSize::kib(64));
//! assert_eq!(loaded.explain(), r#"[http]
//! listen = "0.0.0.0:80"   # option --listen
//! body_limit = "64 KiB"   # environment TENFOLD_HTTP__BODY_LIMIT
//! "#);
//! # Ok(())
//! # }
//! ```
//!
//! Secrets are masked: a key marked `# secret` in the defaults shows as `••••` in [`Loaded::explain`], in
//! errors and in `Debug`, and so does the password inside any URL.
//!
//! One variable per setting follows the twelve-factor rule; refusing unknown keys and naming the source of
//! each value follow Cargo and Git's `config --show-origin`.

mod byte_size;
mod defaults;
mod error;
mod fingerprint;
mod loaded;
mod loader;
mod nearest;
mod origin;
mod secret;
mod setting;
mod text;
mod time_span;
mod value;

pub use byte_size::{ByteSize, InvalidByteSize};
pub use error::ConfigError;
pub(crate) use fingerprint::{SettingPrint, hex};
pub use loaded::{Documentation, Loaded, unless_empty};
pub use loader::{Loader, Presence};
pub use origin::Origin;
pub use secret::Secret;
pub use setting::ENVIRONMENT_PREFIX;
pub use text::MAX_FILE_BYTES;
pub use time_span::{InvalidTimeSpan, TimeSpan};
