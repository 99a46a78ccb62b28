//! Sessions in the cache.

use tenfold::both_databases;

use crate::new_owner;

both_databases!(app::app(), [("cache.size", "1 MiB")];
async fn a_warm_session_costs_no_statement_and_ends_at_once(app) {
    let token = new_owner(app).await;
    let list = async || app.get("/v1/users").bearer(&token).send().await;
    assert_eq!([list().await.statements(), list().await.statements()], [5, 4]);
    assert_eq!(app.post("/v1/auth/sign-out").bearer(&token).send().await.status(), 204);
    assert_eq!(list().await.status(), 401);
});
