//! Sessions in the cache.

use tenfold::both_databases;

use crate::new_owner;

both_databases!(app::app(), [("cache.size", "1 MiB")];
async fn a_warm_list_costs_one_statement_until_the_session_ends(app) {
    let token = new_owner(app).await;
    let list = async || app.get("/v1/users").bearer(&token).send().await;
    // The profile is in memory: the mail of the sign-up has asked for it.
    assert_eq!([list().await.statements(), list().await.statements()], [4, 1]);
    assert_eq!(app.post("/v1/auth/sign-out").bearer(&token).send().await.status(), 204);
    assert_eq!(list().await.status(), 401);
});
