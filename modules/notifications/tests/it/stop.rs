//! The link in a mail that stops mails of its kinds: it asks, and acts on a POST without a session.

use tenfold::both_databases;
use tenfold::testing::{TestApp, TestResponse};

use crate::app;
use crate::channels::chosen;
use crate::mails::{mails_later, share};
use crate::notifications::Person;

/// The path of the link in the mail about a note that was shared with somebody.
async fn link(app: &TestApp, person: &Person) -> String {
    share(app, person, "Plans").await;
    let sent = mails_later(app).await;
    let (_, link) = sent[0].text.split_once("/notifications/stop").expect("the mail has the link");
    format!("/notifications/stop{}", link.split_whitespace().next().unwrap_or_default())
}

/// What a program for mails sends when its user presses its button (RFC 8058).
async fn one_click(app: &TestApp, link: &str) -> TestResponse {
    let form = "application/x-www-form-urlencoded";
    app.post(link).header("content-type", form).body("List-Unsubscribe=One-Click").send().await
}

async fn by_mail(app: &TestApp, person: &Person) -> Vec<String> {
    chosen(app, person).await.into_iter().filter(|(_, _, mail)| *mail).map(|(kind, ..)| kind).collect()
}

both_databases!(app(); async fn one_click_stops_mails_of_the_kind_and_no_others(app) {
    let (owner, other) = (Person::of_acme(1), Person::of_acme(4));
    let link = link(app, &owner).await;
    let asked = app.get(&link).send().await;
    assert_eq!(asked.status(), 200);
    assert!(asked.text().contains("A note is shared with you"), "{}", asked.text());
    assert_eq!(by_mail(app, &owner).await, ["file_failed", "notes.shared"], "a GET acts");
    assert_eq!(one_click(app, &link).await.status(), 200);
    assert_eq!(by_mail(app, &owner).await, ["file_failed"]);
    assert_eq!(by_mail(app, &other).await, ["file_failed", "notes.shared"]);
    // Again, it is as it was.
    assert_eq!(one_click(app, &link).await.status(), 200);
    assert_eq!(by_mail(app, &owner).await, ["file_failed"]);
    share(app, &owner, "Budget").await;
    assert_eq!(mails_later(app).await.len(), 1);
});

both_databases!(app(); async fn a_link_that_was_changed_does_nothing(app) {
    let owner = Person::of_acme(1);
    let link = link(app, &owner).await;
    let mut others: Vec<String> = vec!["/notifications/stop".to_owned(), "/notifications/stop?token=".to_owned()];
    for (at, sign) in link.char_indices().skip_while(|(_, sign)| *sign != '=').skip(1).step_by(7) {
        let other = if sign == 'A' { 'B' } else { 'A' };
        others.push(format!("{}{other}{}", &link[..at], &link[at + 1..]));
        others.push(link[..at].to_owned());
    }
    for other in others {
        assert_eq!(app.get(&other).send().await.status(), 404, "{other}");
        assert_eq!(one_click(app, &other).await.status(), 404, "{other}");
    }
    assert_eq!(by_mail(app, &owner).await, ["file_failed", "notes.shared"]);
});
