//! `app operator …`: who may sign in to the console under a name.

use clap::Subcommand;
use tenfold_data::Database;

use super::table::table;
use crate::operators::{self, IssuedOperator, OperatorRole};

#[derive(Subcommand)]
pub(super) enum OperatorCommand {
    /// Add an operator, and print the password and the code's secret once.
    Add {
        /// The name to sign in with, such as ada.
        name: String,
        /// look, or act: to change things as well.
        #[arg(long, default_value = "look")]
        role: OperatorRole,
    },
    /// List the operators.
    List,
    /// Give an operator a new password and code, and sign the operator out.
    Renew {
        /// The name.
        name: String,
    },
    /// Remove an operator, who is signed out at once.
    Remove {
        /// The name.
        name: String,
    },
}

impl OperatorCommand {
    /// Does it, and gives what to print.
    pub(super) async fn run(&self, database: &Database) -> anyhow::Result<String> {
        database
            .run(None, async |cx| {
                Ok(match self {
                    OperatorCommand::Add { name, role } => {
                        issued(name, &operators::add(&cx, name, *role).await?)
                    }
                    OperatorCommand::Renew { name } => issued(name, &operators::renew(&cx, name).await?),
                    OperatorCommand::Remove { name } => {
                        operators::remove(&cx, name).await?;
                        format!("{name} is no operator any more\n")
                    }
                    OperatorCommand::List => {
                        let all = operators::list(&cx).await?;
                        let row = |one: &operators::NamedOperator| {
                            vec![one.name.clone(), one.role.as_str().to_owned(), one.created_at.to_string()]
                        };
                        table(&["NAME", "ROLE", "SINCE"], &all.iter().map(row).collect::<Vec<_>>())
                    }
                })
            })
            .await
    }
}

/// Printed once: the database has only a hash of the password.
fn issued(name: &str, issued: &IssuedOperator) -> String {
    let IssuedOperator { password, secret, url } = issued;
    format!(
        "{name} signs in at /console. This is shown once:\n  password  {password}\n  secret    {secret}, for an authenticator \
         application\n  QR code   {url}\n"
    )
}
