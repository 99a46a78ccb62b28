//! By which channels the signed-in user wants to be told of what.

pub(crate) mod list;
pub(crate) mod patch;

use serde::Serialize;
use tenfold::NotificationKind;
use tenfold::prelude::*;
use utoipa::ToSchema;

use crate::channels::{ChosenChannels, PersonChoices};

/// By which channels a kind of notification reaches you.
#[derive(Serialize, ToSchema)]
pub(crate) struct NotificationPreference {
    /// The name of the kind.
    #[schema(value_type = String)]
    kind: &'static str,
    /// What people read.
    #[schema(value_type = String)]
    title: &'static str,
    /// Whether it is shown in the application.
    in_app: bool,
    /// Whether it is mailed, if you have not read it in the application before.
    mail: bool,
}

impl NotificationPreference {
    fn of(kind: &NotificationKind, chosen: &PersonChoices) -> Self {
        let ChosenChannels { in_app, mail } = chosen.channels(kind);
        NotificationPreference { kind: kind.name(), title: kind.title(), in_app, mail }
    }
}
