//! The questions in the terminal.

use std::io::IsTerminal as _;

use inquire::list_option::ListOption;
use inquire::{Confirm, InquireError, MultiSelect, Select, Text};

use super::answers::{Answers, DATABASES, DEPLOYMENTS, LICENCES, MODULES, ProjectPart};
use crate::names;
use crate::project_error::ProjectError;

/// Whether somebody is there to answer.
pub fn is_possible() -> bool {
    std::io::stdin().is_terminal() && std::io::stdout().is_terminal()
}

/// One question: asks, and changes the answers.
type Question = fn(&mut Answers) -> Result<(), InquireError>;

const QUESTIONS: &[Question] = &[modules, page, database, deploy, licence, first_module, confirm];

/// Asks everything; Escape goes back by one question. `None` if the person gives up.
pub fn questions(mut answers: Answers) -> Result<Option<Answers>, ProjectError> {
    let mut next = 0;
    while let Some(question) = QUESTIONS.get(next) {
        match question(&mut answers) {
            Ok(()) => next += 1,
            Err(InquireError::OperationCanceled) if next > 0 => next -= 1,
            Err(InquireError::OperationCanceled | InquireError::OperationInterrupted) => return Ok(None),
            Err(error) => {
                return Err(ProjectError::Refused(format!(
                    "the terminal cannot be asked: {error}; use --yes and options"
                )));
            }
        }
    }
    Ok(Some(answers))
}

const BACK: &str = "arrow keys move, Enter goes on, Escape goes back";

fn modules(answers: &mut Answers) -> Result<(), InquireError> {
    answers.modules = several("Modules, beside auth:", MODULES, &answers.modules)?;
    Ok(())
}

fn page(answers: &mut Answers) -> Result<(), InquireError> {
    let ways = ["a page at / and the API", "the API only"];
    let chosen = Select::new("What does it serve?", ways.to_vec())
        .with_starting_cursor(usize::from(!answers.page))
        .with_help_message(BACK)
        .prompt()?;
    answers.page = chosen == ways[0];
    Ok(())
}

fn database(answers: &mut Answers) -> Result<(), InquireError> {
    let says = [
        "SQLite: one process, nothing to install",
        "PostgreSQL: a server, and as many processes as you like",
    ];
    let at = DATABASES.iter().position(|name| *name == answers.database).unwrap_or(0);
    let chosen = Select::new("Which database does it begin with?", says.to_vec())
        .with_starting_cursor(at)
        .with_help_message("the code is the same, and its tests run on both; Escape goes back")
        .raw_prompt()?;
    answers.database = DATABASES[chosen.index].to_owned();
    Ok(())
}

fn deploy(answers: &mut Answers) -> Result<(), InquireError> {
    answers.deploy = several("How is it deployed?", DEPLOYMENTS, &answers.deploy)?;
    Ok(())
}

fn licence(answers: &mut Answers) -> Result<(), InquireError> {
    let names: Vec<&str> = LICENCES.iter().map(|(name, spdx)| spdx.unwrap_or(name)).collect();
    let at = LICENCES.iter().position(|(name, _)| *name == answers.licence).unwrap_or(0);
    let chosen =
        Select::new("Licence:", names).with_starting_cursor(at).with_help_message(BACK).raw_prompt()?;
    answers.licence = LICENCES[chosen.index].0.to_owned();
    Ok(())
}

fn first_module(answers: &mut Answers) -> Result<(), InquireError> {
    let name = Text::new("Your own first module, in the plural:")
        .with_default(&answers.first_module)
        .with_help_message(
            "such as notes or invoices: a table, five endpoints, a job and tests to change; Escape goes back",
        )
        .with_validator(|name: &str| {
            Ok(match names::module(name).and_then(|()| names::singular_of(name, None)) {
                Ok(_) => inquire::validator::Validation::Valid,
                Err(error) => inquire::validator::Validation::Invalid(error.to_string().into()),
            })
        })
        .prompt()?;
    answers.first_module = name;
    Ok(())
}

fn confirm(answers: &mut Answers) -> Result<(), InquireError> {
    let question = format!("Create {}?", answers.name);
    match Confirm::new(&question).with_default(true).with_help_message("Escape goes back").prompt()? {
        true => Ok(()),
        false => Err(InquireError::OperationInterrupted),
    }
}

fn several(
    question: &str,
    parts: &'static [ProjectPart],
    chosen: &std::collections::BTreeSet<String>,
) -> Result<std::collections::BTreeSet<String>, InquireError> {
    let lines: Vec<String> = parts.iter().map(|part| format!("{}: {}", part.name, part.about)).collect();
    let at: Vec<usize> = (0..parts.len()).filter(|at| chosen.contains(parts[*at].name)).collect();
    let names = |chosen: &[ListOption<&String>]| match chosen {
        [] => "none".to_owned(),
        chosen => chosen.iter().map(|line| parts[line.index].name).collect::<Vec<_>>().join(", "),
    };
    let told = MultiSelect::new(question, lines)
        .with_default(&at)
        .with_formatter(&names)
        .with_help_message("Space chooses, arrow keys move, Enter goes on, Escape goes back")
        .raw_prompt()?;
    Ok(told.into_iter().map(|line| parts[line.index].name.to_owned()).collect())
}
