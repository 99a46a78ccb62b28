//! An address that is taken leaves nothing behind.

use futures_util::future::join_all;
use tenfold::testing::TestApp;
use tenfold::{both_databases, sql};

use crate::{app, try_sign_up};

both_databases!(app(); async fn of_many_who_want_an_address_at_once_one_gets_it(app) {
    let answers = join_all((0..6).map(|_| try_sign_up(app, "ada@new.test"))).await;
    let mut statuses: Vec<u16> = answers.iter().map(|answer| answer.status()).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409, 409, 409, 409, 409]);
    assert_eq!(rows(app).await, (1, 1));
    assert_eq!(try_sign_up(app, "ADA@new.test").await.status(), 409);
    assert_eq!(try_sign_up(app, "no address").await.status(), 422);
    assert_eq!(rows(app).await, (1, 1));
});

/// How many accounts and organizations there are.
async fn rows(app: &TestApp) -> (i64, i64) {
    let counted = app
        .run(async |cx| {
            let accounts: Vec<(i64,)> =
                sql!("test.accounts", "SELECT count(*) FROM auth_accounts").all(&cx).await?;
            let organizations: Vec<(i64,)> =
                sql!("test.organizations", "SELECT count(*) FROM auth_organizations").all(&cx).await?;
            Ok::<_, tenfold::data::DataError>((accounts[0].0, organizations[0].0))
        })
        .await;
    counted.expect("rows can be counted")
}
