//! What somebody who guesses passwords meets, and what the owner does not.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;
use tenfold::data::DataError;
use tenfold::testing::{TestApp, TestResponse};
use tenfold::{both_databases, sql};

use crate::{PASSWORD, app, problem, sign_up, text};

const HOME: &str = "192.0.2.10";
const ATTACKER: &str = "203.0.113.7";
const ADA: &str = "ada@new.test";

async fn try_from(app: &TestApp, address: &str, email: &str, password: &str) -> TestResponse {
    let attempt = json!({"email": email, "password": password});
    app.post("/v1/auth/sign-in").from_address(address).json(&attempt).send().await
}

/// Guesses wrongly until it has to wait; gives how many guesses were tried, and the seconds to wait.
async fn guess_until_wait(app: &TestApp, address: &str, email: &str) -> (u32, u64) {
    for tried in 0..200 {
        let answer = try_from(app, address, email, "a wrong guess").await;
        if answer.status() == 429 {
            return (tried, seconds(&answer));
        }
        assert_eq!(answer.status(), 401, "{}", answer.text());
    }
    panic!("200 wrong guesses for {email} were tried, one after another")
}

fn seconds(answer: &TestResponse) -> u64 {
    answer.header("retry-after").parse().expect("a 429 says when to come back")
}

async fn wait(app: &TestApp, seconds: u64) {
    app.clock().advance(Duration::from_secs(seconds));
}

both_databases!(app(); async fn the_right_password_is_refused_during_a_wait_and_taken_after_it(app) {
    sign_up(app, ADA).await;
    assert_eq!(guess_until_wait(app, ATTACKER, ADA).await, (6, 1));
    app.forget();
    let right = try_from(app, ATTACKER, ADA, PASSWORD).await;
    let wrong = try_from(app, ATTACKER, ADA, "a wrong guess").await;
    assert_eq!(problem(&right, 429), problem(&wrong, 429), "the answer tells whether the guess was right");
    assert_eq!(text(&right.json()["type"]), "urn:tenfold:problem:too-many-attempts");
    assert_eq!((right.statements(), right.header("set-cookie")), (1, ""), "it only looks at what is owed");
    wait(app, 1).await;
    assert_eq!(try_from(app, ATTACKER, ADA, PASSWORD).await.status(), 200);
    // Success has set the count to nothing.
    assert_eq!(guess_until_wait(app, ATTACKER, ADA).await, (6, 1));
});

both_databases!(app(); async fn waits_double_up_to_their_bound(app) {
    sign_up(app, ADA).await;
    let (_, mut seconds_to_wait) = guess_until_wait(app, ATTACKER, ADA).await;
    let mut waits = vec![seconds_to_wait];
    while waits.len() < 13 {
        wait(app, seconds_to_wait).await;
        let (tried, next) = guess_until_wait(app, ATTACKER, ADA).await;
        assert_eq!(tried, 1, "after {waits:?}");
        waits.push(next);
        seconds_to_wait = next;
    }
    assert_eq!(waits[..10], [1, 2, 4, 8, 16, 32, 64, 128, 256, 512]);
    assert!(waits[10..].iter().all(|wait| (256..=900).contains(wait)), "{waits:?}");
    wait(app, seconds_to_wait).await;
    assert_eq!(try_from(app, HOME, ADA, PASSWORD).await.status(), 200, "the owner gets in at last");
});

both_databases!(app(); async fn guesses_from_elsewhere_do_not_keep_the_owner_out(app) {
    sign_up(app, ADA).await;
    assert_eq!(try_from(app, HOME, ADA, PASSWORD).await.status(), 200);
    guess_until_wait(app, ATTACKER, ADA).await;
    assert_eq!(try_from(app, ATTACKER, ADA, PASSWORD).await.status(), 429);
    assert_eq!(try_from(app, HOME, ADA, PASSWORD).await.status(), 200);
    assert_eq!(try_from(app, ATTACKER, ADA, PASSWORD).await.status(), 429, "that was not the attacker's success");
    // From home, too, guesses are counted.
    wait(app, 60).await;
    assert_eq!(guess_until_wait(app, HOME, ADA).await, (6, 1));
});

both_databases!(app(); async fn guessing_that_goes_on_keeps_only_new_addresses_out(app) {
    sign_up(app, ADA).await;
    assert_eq!(try_from(app, HOME, ADA, PASSWORD).await.status(), 200);
    for _ in 0..15 {
        let (_, seconds) = guess_until_wait(app, ATTACKER, ADA).await;
        assert_eq!(try_from(app, HOME, ADA, PASSWORD).await.status(), 200, "home is known");
        assert_eq!(try_from(app, "192.0.2.77", ADA, PASSWORD).await.status(), 429, "a hotel is not");
        wait(app, seconds).await;
    }
});

/// Guesses, and hangs up while the password is hashed; gives the answer if it came before that.
async fn guess_and_hang_up(app: &TestApp, email: &str) -> Option<TestResponse> {
    app.forget();
    let mut guess = pin!(try_from(app, ATTACKER, email, "a wrong guess"));
    let is_looked_up =
        || app.statements().iter().any(|statement| statement.text.contains("FROM auth_accounts"));
    poll_fn(|cx| match guess.as_mut().poll(cx) {
        Poll::Ready(answer) => Poll::Ready(Some(answer)),
        // Then comes the hash, of which nothing is heard before it is done.
        Poll::Pending if is_looked_up() => Poll::Ready(None),
        Poll::Pending => Poll::Pending,
    })
    .await
}

both_databases!(app(), [("auth.hash_parallelism", "1")];
async fn a_guess_whose_client_hangs_up_is_counted(app) {
    sign_up(app, ADA).await;
    for number in 0..6 {
        let answer = guess_and_hang_up(app, ADA).await;
        assert!(answer.is_none(), "{answer:?}");
        // The one turn to hash is free again when the guess is judged.
        assert_eq!(try_from(app, HOME, &format!("{number}@new.test"), "another").await.status(), 401);
    }
    assert_eq!(guess_and_hang_up(app, ADA).await.map(|answer| answer.status()), Some(429));
    assert_eq!(try_from(app, ATTACKER, ADA, PASSWORD).await.status(), 429);
});

both_databases!(app(); async fn an_unknown_account_waits_as_a_known_one_does(app) {
    sign_up(app, ADA).await;
    for address in [ATTACKER, "203.0.113.8"] {
        let known = guess_until_wait(app, address, ADA).await;
        let unknown = guess_until_wait(app, address, "nobody@new.test").await;
        assert_eq!(known, unknown);
        let answers = [ADA, "nobody@new.test"].map(|email| try_from(app, address, email, PASSWORD));
        let answers = join_all(answers).await;
        assert_eq!(problem(&answers[0], 429), problem(&answers[1], 429));
        wait(app, 24 * 3600).await;
    }
    // However it is typed, it is one account.
    guess_until_wait(app, ATTACKER, ADA).await;
    assert_eq!(try_from(app, "203.0.113.9", "ADA@New.Test.", PASSWORD).await.status(), 429);
});

both_databases!(app(), [("auth.address_failures", "8")];
async fn an_address_that_tries_many_accounts_waits_alone(app) {
    sign_up(app, ADA).await;
    for number in 0..9 {
        assert_eq!(try_from(app, "2001:db8::1", &format!("user{number}@new.test"), PASSWORD).await.status(), 401);
    }
    let answer = try_from(app, "2001:db8::1", ADA, PASSWORD).await;
    assert_eq!((problem(&answer, 429)["status"].as_u64(), seconds(&answer)), (Some(429), 1));
    let neighbour = try_from(app, "2001:db8::ffff:0:0:2", ADA, PASSWORD).await;
    assert_eq!(neighbour.status(), 429, "the same /64 is the same address");
    assert_eq!(try_from(app, "2001:db8:0:1::1", ADA, PASSWORD).await.status(), 200);
});

both_databases!(app(), [("auth.address_failures", "1"), ("auth.account_failures", "1")];
async fn success_never_counts_against_anybody(app) {
    sign_up(app, ADA).await;
    for _ in 0..10 {
        let answers = join_all((0..4).map(|_| try_from(app, HOME, ADA, PASSWORD))).await;
        assert!(answers.iter().all(|answer| answer.status() == 200));
    }
});

both_databases!(app(), [("auth.hash_queue_share", "64")];
async fn guesses_sent_at_once_are_no_more_than_one_after_another(app) {
    sign_up(app, ADA).await;
    let answers = join_all((0..40).map(|_| try_from(app, ATTACKER, ADA, "a wrong guess"))).await;
    let tried = answers.iter().filter(|answer| answer.status() == 401).count();
    // As many more as are hashed at once.
    assert!((6..=7).contains(&tried), "{tried} guesses were tried");
    assert_eq!(answers.iter().filter(|answer| answer.status() == 429).count(), 40 - tried);
});

both_databases!(app(), [("auth.hash_parallelism", "1"), ("auth.hash_queue_share", "4"), ("auth.account_failures", "1000")];
async fn one_address_takes_only_its_share_of_the_queue(app) {
    sign_up(app, ADA).await;
    let flood = (0..60).map(|_| try_from(app, ATTACKER, "user@new.test", "a wrong guess"));
    let others = (0..6).map(|number| try_from(app, ["192.0.2.1", "192.0.2.2", "192.0.2.3"][number % 3], ADA, PASSWORD));
    let (flood, others) = tokio::join!(join_all(flood), join_all(others));
    assert!(others.iter().all(|answer| answer.status() == 200), "others do not get through");
    let refused: Vec<_> = flood.iter().filter(|answer| answer.status() == 503).collect();
    assert!(refused.len() > 10, "{} of 60 were refused", refused.len());
    let detail = problem(refused[0], 503)["detail"].clone();
    assert_eq!(detail, "too many sign-ins at once from your address (auth.hash_queue_share)");
});

both_databases!(app(), [("auth.address_sign_ups", "3")];
async fn one_address_makes_accounts_only_so_fast(app) {
    let make = async |address: &str, name: &str| {
        let new = json!({"email": format!("{name}@new.test"), "password": PASSWORD, "organization": "New"});
        app.post("/v1/auth/sign-up").from_address(address).json(&new).send().await
    };
    for name in ["a", "b", "c", "d"] {
        assert_eq!(make(ATTACKER, name).await.status(), 201);
    }
    let answer = make(ATTACKER, "e").await;
    problem(&answer, 429);
    assert_eq!(make(HOME, "e").await.status(), 201);
    wait(app, seconds(&answer)).await;
    assert_eq!(make(ATTACKER, "e").await.status(), 409, "taken, and counted all the same");
    assert_eq!(seconds(&make(ATTACKER, "f").await), 2);
});

both_databases!(app(); async fn one_that_began_later_and_was_first_delays_nobody(app) {
    sign_up(app, ADA).await;
    let ahead = app.run(async |cx| cx.transaction(async |tx| -> Result<u64, DataError> {
        sql!("test.ahead", "UPDATE auth_attempts SET last_at = last_at + 900000, forgiven_at = forgiven_at + 900000")
            .changes("auth_attempts")
            .execute(tx)
            .await
    }).await);
    assert_eq!(ahead.await.expect("it is counted"), 1);
    sign_up(app, "grace@new.test").await;
});
