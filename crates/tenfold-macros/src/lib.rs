//! The macros of Tenfold. Each writes plain code, which its documentation shows.

mod data_path;
mod endpoint;
mod entity;
mod migrations;
mod module_api;
mod modules;
mod text_enum;

use proc_macro::TokenStream;
use syn::parse_macro_input;

/// Makes a struct an entity: a row of one table.
///
/// ```ignore
/// #[derive(Entity)]
/// #[entity(table = "auth_users", tenant = org_id)]
/// pub struct User {
///     #[entity(key)]
///     pub id: UserId,
///     pub org_id: OrgId,
///     pub email: String,
///     #[entity(has_one(by = user_id))]               // Profile::user_id is this user's id
///     pub profile: One<Profile>,
///     #[entity(has_many(by = user_id))]
///     pub permissions: Many<Permission>,
/// }
/// ```
///
/// Every entity says who owns its rows. `tenant = org_id` names the field, of type `OrgId`, with the organization that
/// owns the row. `global = "accounts sign in to several organizations"` gives the reason why the rows belong to no
/// organization and every organization can reach them. An entity with neither does not compile.
///
/// A relation's field is not a column. The other relations:
///
/// - `belongs_to(by = project_id)` on a `One`: `project_id` is a field of this struct and the other's key;
/// - `count(by = task_id)` on a `Count`;
/// - `has_many(through = Labeling, by = task_id, to = label_id)` on a `Many<Label>`: many to many, where `by` and `to`
///   are fields of the join entity, which hold this key and the other;
/// - `order_by = created_at` and `descending` with `has_many`, and `limit = 3` for each parent; `has_one` takes the
///   first in that order.
///
/// A column that holds a key of another module is `#[entity(peers)] pub user_id: Ref<UserId>`: a call for it
/// includes the keys of its peers. `#[entity(version)]` marks an `i64` that counts the row's changes.
/// `#[entity(money)] pub price: Money` is stored as two columns, `price_amount` and `price_currency`. On the
/// struct `unique(name, …)` names columns that are unique together; a tenant's begin with the organization.
/// `search(title, body)` names the texts that are searched, and implements `Searched`. `cached` keeps rows that are
/// loaded by key for later requests, until a commit changes them; `cached(lists)` keeps lists and counts of them as well.
///
/// What it writes:
///
/// ```ignore
/// impl Entity for User {
///     type Key = UserId;
///     type Owner = Tenant;
///     const MODULE: &'static str = module_of(env!("CARGO_PKG_NAME"));
///     fn table() -> &'static Table { /* name, module, columns, key, tenant */ }
///     fn read(row: &Row<'_>, owner: Option<OrgId>) -> Result<Self, ReadError> {
///         Ok(User {
///             id: ColumnType::read(row, 0)?,
///             org_id: OrgId::read_known(owner)?, // not selected: the statement asked for this organization's rows
///             /* … */
///             profile: One::default(),
///             /* … */
///         })
///     }
///     fn values(&self) -> Vec<Value> { vec![self.id.to_value(), /* … */] }
///     fn into_values(self) -> Vec<Value> { vec![self.id.into_value(), /* … */] }
///     fn link_at(&self, place: usize) -> Link { /* the value of the column there, to tell whose row it is */ }
///     fn key(&self) -> UserId { self.id.clone() }
///     fn link<'r>(rows: impl Iterator<Item = &'r mut Self>, peering: Peering) { /* makes rows peers, relation by relation */ }
/// }
/// impl User {
///     pub const TABLE: &'static str = "auth_users";
///     pub const email: Column<User, String> = Column::new("email");    // User::email in queries
///     pub const unique_key: Unique<User> = Unique::new(&["org_id", "id"]);
///     // and for each `unique(email)`: User::unique_email
///     pub const permissions: Association<User, Permission> = Association::new("id", /* … */); // User::permissions in filters
/// }
/// const _: () = same_module::<User, Permission>(); // a relation to another module's entity does not compile
/// // The columns without the relations: what is stored, `UserRow { id, org_id, email }.insert(tx)`. A relation that is
/// // added later changes none of these.
/// pub struct UserRow { pub id: UserId, pub org_id: OrgId, pub email: String }
/// impl From<UserRow> for User { /* with relations that have no rows yet */ }
/// impl EntityRow for UserRow { type Entity = User; }
/// // with a field marked `version`:
/// impl Versioned for User { fn version(&self) -> i64 { self.version } }
/// ```
#[proc_macro_derive(Entity, attributes(entity))]
pub fn derive_entity(input: TokenStream) -> TokenStream {
    finish(entity::expand(&parse_macro_input!(input)))
}

/// Stores an enum without fields in a text column, each variant as its name in `snake_case`.
///
/// It writes `ColumnType` and `Type::as_str`. Reading a text that matches no variant is an error.
#[proc_macro_derive(TextEnum)]
pub fn derive_text_enum(input: TokenStream) -> TokenStream {
    finish(text_enum::expand(&parse_macro_input!(input)))
}

/// The files of the package's `migrations/` folder, as `&'static [MigrationFile]`: `migrations!()`.
///
/// Cargo rebuilds the package when one of the files changes. To see a new file it needs a build script that
/// prints `println!("cargo::rerun-if-changed=migrations")`; `tenfold check` checks this.
#[proc_macro]
pub fn migrations(input: TokenStream) -> TokenStream {
    if !input.is_empty() {
        return finish(Err(syn::Error::new(proc_macro2::Span::call_site(), "migrations!() takes nothing")));
    }
    finish(migrations::expand())
}

/// The modules that the package's manifest lists, in that order: one file names the dependency and the module.
///
/// ```toml
/// [package.metadata.tenfold]
/// modules = ["auth", "notes"]     # those that are needed before those that need them
///
/// [dependencies]
/// auth.workspace = true
/// notes = { path = "modules/notes" }
/// ```
///
/// `App::new("app", "0.1.0").modules(modules!())` then is
///
/// ```ignore
/// App::new("app", "0.1.0").modules(vec![::auth::module(), ::notes::module()])
/// ```
#[proc_macro]
pub fn modules(input: TokenStream) -> TokenStream {
    if !input.is_empty() {
        return finish(Err(syn::Error::new(proc_macro2::Span::call_site(), "modules!() takes nothing")));
    }
    finish(modules::expand())
}

/// Makes a trait the interface of a module.
///
/// ```ignore
/// #[module_api(name = "auth", version = 1)]
/// pub trait Auth {
///     #[call(batch_by = "ids", one = "user_card")]
///     async fn user_cards(&self, cx: &Context, ids: Vec<UserId>) -> Result<Vec<Option<UserCard>>, CallError>;
/// }
/// ```
///
/// What it writes: the trait with `#[async_trait]`, so that `dyn` works; `impl Interface for dyn Auth`; and
/// `AuthClient`, which callers hold and handlers take as an argument. Each method of the client goes through
/// `tenfold::call`, which refuses it inside an open transaction, opens a span, counts and times it. A method with
/// `batch_by` answers each key in its place, and gives the client a second method, named by `one`, for a single key:
/// calls of that method within one request are merged into one call of the batched method.
#[proc_macro_attribute]
pub fn module_api(arguments: TokenStream, item: TokenStream) -> TokenStream {
    finish(module_api::expand(arguments.into(), parse_macro_input!(item)))
}

/// Makes an `async fn` an operation of the API: `routes!` takes it, and the OpenAPI document describes it.
///
/// ```ignore
/// /// One project of the organization.
/// #[endpoint(get, "/v1/projects/{id}", tag = "projects", example(id = list_projects))]
/// async fn get_project(cx: Context, _: Require<ReadProjects>, Path(id): Path<ProjectId>)
///     -> Result<Tagged<Json<ProjectView>>, Problem>
/// ```
///
/// The signature says what a client may send and what it gets: each argument describes what it takes from a request
/// (`tenfold::http::Input`), the result describes what it answers (`tenfold::http::Output`). The documentation's
/// first paragraph is the summary. The attribute adds what no type says:
///
/// - `tag`: the heading under which the document lists it;
/// - `example(…)`: a call that works. `id = list_projects` names the operation whose items have such an id, `body = {…}`
///   is a valid JSON body, `query = "name=a.png"` the query string. Tests, Schemathesis and the document use it. A path
///   parameter without one does not compile; an application in which a body has none does not start;
/// - `answers(200: EventShape as "text/event-stream", 304)`: for a handler that returns a plain `Response`;
/// - `problems(402, 409)`: problems that need a line of their own; the common ones come from the types;
/// - `priority = critical` or `priority = best_effort`: what matters more, or less, than other requests under overload;
/// - `headers("Range" = "One range, such as bytes=0-99")`: headers that the handler reads itself.
///
/// What it writes beside the function:
///
/// ```ignore
/// struct __path_get_project;
/// impl __path_get_project {
///     fn describe() -> Endpoint {
///         Endpoint::new("get_project", "/v1/projects/{id}", "projects", &["One project of the organization."])
///             .takes::<Context>()
///             .takes::<Require<ReadProjects>>()
///             .takes::<Path<ProjectId>>()
///             .gives::<Result<Tagged<Json<ProjectView>>, Problem>>()
///             .example_id("id", "list_projects")
///     }
/// }
/// impl utoipa::Path for __path_get_project { /* the method, the path, and what describe() gives */ }
/// ```
#[proc_macro_attribute]
pub fn endpoint(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let arguments = parse_macro_input!(arguments as endpoint::EndpointArguments);
    finish(endpoint::expand(&arguments, &parse_macro_input!(item)))
}

fn finish(written: syn::Result<proc_macro2::TokenStream>) -> TokenStream {
    written.unwrap_or_else(syn::Error::into_compile_error).into()
}
