//! Operators who may look, and are not offered what they may not do.

use serde_json::json;
use tenfold::both_databases;
use tenfold::operators::OperatorRole;
use tenfold::testing::TestApp;

use crate::operators::{add, person_page, signed_in};
use crate::{new_owner, organization};

/// How many forms a page has that change something, besides that of signing out.
async fn forms(app: &TestApp, cookie: &str, path: &str) -> usize {
    let page = app.get(path).header("cookie", cookie).send().await;
    assert_eq!(page.status(), 200, "{path}: {}", page.text());
    page.text().matches("method=\"post\"").count() - 1
}

/// The pages that offer something, with a job and an invitation.
async fn offering(app: &TestApp, cookie: &str) -> Vec<String> {
    let owner = new_owner(app).await;
    let invitation = json!({"email": "grace@new.test", "role": "member"});
    let invited = app.post("/v1/invitations").bearer(&owner).json(&invitation).send().await;
    assert_eq!(invited.status(), 201, "{}", invited.text());
    let jobs = "/console/jobs?state=available";
    let listed = app.get(jobs).header("cookie", cookie).send().await.text();
    let (_, job) = listed.split_once("href=\"/console/jobs/").expect("the mail of the invitation waits");
    let pages = ["/console/cache", "/console/queues", jobs].map(str::to_owned).into_iter();
    let organization = format!("/console/organizations/{}", organization(&owner));
    let person = person_page(app, cookie, "owner@n").await;
    pages.chain([format!("/console/jobs/{}", &job[..36]), organization, person]).collect()
}

both_databases!(app::app(), [("cache.size", "1 MiB")]; async fn who_may_look_is_offered_nothing_to_do(app) {
    let looking = signed_in(app, &add(app, OperatorRole::Look).await).await;
    for path in offering(app, &looking).await {
        assert_eq!(forms(app, &looking, &path).await, 0, "{path}");
    }
    app.run_due_jobs().await;
    let mails = app.get("/console/mails").header("cookie", &looking).send().await.text();
    assert!(mails.contains("grace@new.test") && !mails.contains("href=\"/console/mails/"), "{mails}");
});

both_databases!(app::app(), [("cache.size", "1 MiB")]; async fn who_may_act_is_offered_what_there_is(app) {
    let acting = signed_in(app, &add(app, OperatorRole::Act).await).await;
    for path in offering(app, &acting).await {
        assert!(forms(app, &acting, &path).await > 0, "{path}");
    }
    app.run_due_jobs().await;
});
