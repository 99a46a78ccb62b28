//! Applications that are put together wrongly do not start, and say why.

use tenfold::config::Loader;
use tenfold::data::testing::TestDatabase;
use tenfold::data::{Clock, Dialect};
use tenfold::http::Permission;
use tenfold::prelude::*;
use tenfold::telemetry::Telemetry;
use tenfold::{App, Module, NotificationKind};

fn empty() -> App {
    App::new("wrong", "0.0.0")
}

/// What the application says instead of starting on an empty database.
fn refusal(dialect: Dialect, app: App) -> String {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    runtime.expect("a runtime starts").block_on(async {
        let place = TestDatabase::create(dialect).await;
        let loader = Loader::new("defaults.toml", &app.defaults()).expect("the defaults are right");
        let loader = loader.flag("test", "database.url", Some(place.url())).expect("an address is a text");
        let loader = loader.flag("test", "database.migrate_url", place.migrate_url()).expect("so is this");
        match app.start(loader.load(), Clock::system(), Telemetry::new(Clock::system()), Vec::new()).await {
            Ok(_) => panic!("it has started"),
            Err(error) => format!("{error:#}"),
        }
    })
}

fn on_both(make: impl Fn() -> App, words: &[&str]) {
    for dialect in [Dialect::Sqlite, Dialect::Postgres] {
        let said = refusal(dialect, make());
        for word in words {
            assert!(said.contains(word), "{said:?} does not say {word:?}");
        }
    }
}

#[test]
fn a_need_that_nobody_provides_is_named_with_who_needs_it() {
    on_both(|| empty().module(projects::module()), &["module projects", "dyn Auth", "add the module"]);
}

#[test]
fn a_module_before_those_that_it_needs_is_named_with_what_it_needs() {
    on_both(
        || empty().module(projects::module()).module(tenfold_auth::module()),
        &["module projects", "dyn Auth", "move it up"],
    );
}

#[test]
fn an_application_in_which_nobody_authenticates_does_not_start() {
    on_both(empty, &["no module authenticates", ".authenticates("]);
    on_both(|| empty().module(Module::new("alone")), &["no module authenticates"]);
}

#[test]
fn kinds_of_notifications_have_one_module_and_a_name() {
    let declares =
        |module, name| Module::new(module).notifies(NotificationKind::new(name, "Something happened"));
    on_both(
        || empty().module(declares("one", "notes.shared")).module(declares("two", "notes.shared")),
        &["modules one and two", "notes.shared"],
    );
    for name in ["", "Notes", "notes.", "notes shared"] {
        on_both(|| empty().module(declares("one", name)), &["module one", name, "lower-case letters"]);
    }
    let untitled = || Module::new("one").notifies(NotificationKind::new("notes.shared", " "));
    on_both(|| empty().module(untitled()), &["module one", "notes.shared", "no title"]);
}

#[test]
fn two_modules_that_authenticate_are_one_too_many() {
    let one =
        |name| Module::new(name).authenticates(|_| unreachable!("it is refused before anything is built"));
    on_both(|| empty().module(one("first")).module(one("second")), &["2 modules", ".authenticates("]);
}

#[derive(serde::Deserialize, ToSchema)]
#[expect(dead_code, reason = "no request reads it")]
struct Anything {
    text: String,
}

/// Takes a body and shows none.
#[endpoint(post, "/v1/things", tag = "things")]
async fn make_thing(_: SystemContext, _: Json<Anything>) -> Result<NoContent, Problem> {
    Ok(NoContent)
}

/// Takes an id from something that lists none.
#[endpoint(get, "/v1/things/{id}", tag = "things", example(id = list_things))]
async fn get_thing(_: SystemContext, _: Path<OrgId>) -> Result<NoContent, Problem> {
    Ok(NoContent)
}

#[test]
fn an_operation_without_an_example_names_the_line_to_add() {
    let with = |routes: fn() -> Routes| app::app().module(Module::new("things").routes(routes));
    on_both(
        || with(|| Routes::new().routes(routes!(make_thing))),
        &["make_thing takes a body and has no example", "example(body = {…})"],
    );
    on_both(
        || with(|| Routes::new().routes(routes!(get_thing))),
        &["the example of get_thing takes id from list_things", "not an operation that returns a list"],
    );
}

/// What no module builds.
struct Press;

/// Takes a service.
#[endpoint(get, "/v1/press", tag = "things")]
async fn get_press(_: SystemContext, _: Use<Press>) -> Result<NoContent, Problem> {
    Ok(NoContent)
}

/// Takes another module's client.
#[endpoint(get, "/v1/bill", tag = "things")]
async fn get_bill(_: SystemContext, _: tenfold_billing_api::BillingClient) -> Result<NoContent, Problem> {
    Ok(NoContent)
}

#[test]
fn a_handler_that_takes_what_no_module_builds_is_named() {
    let things = |routes: fn() -> Routes| Module::new("things").routes(routes);
    let service = || app::app().module(things(|| Routes::new().routes(routes!(get_press))));
    on_both(service, &["get_press takes a", "Press", ".service(…)"]);
    let with_auth = || empty().module(tenfold_mail::module()).module(tenfold_auth::module());
    let client = || with_auth().module(things(|| Routes::new().routes(routes!(get_bill))));
    on_both(client, &["get_bill takes a tenfold_billing_api::BillingClient", ".provides::<dyn …>(…)"]);
}

struct Own;

impl Permission for Own {
    const NAME: &'static str = "members.read";
    const ROLES: &'static [Role] = Role::OWNERS;
}

#[test]
fn a_permission_of_two_sets_of_roles_is_refused() {
    let again = || app::app().module(Module::new("things").permission::<Own>());
    on_both(again, &["the permission members.read goes to", "share one"]);
}
