//! What requests cost: a constant number of statements, however many rows there are.

use tenfold::both_databases;

use crate::token;

both_databases!(app::app(); async fn a_list_of_users_costs_four_statements_and_the_session_for_any_length(app) {
    app.seed_demo().await;
    let token = token(app, "owner@acme.test").await;
    for limit in [10, 100, 1000] {
        app.forget();
        let answer = app.get(&format!("/v1/users?limit={limit}")).bearer(&token).send().await;
        assert_eq!(answer.json()["items"].as_array().map(Vec::len), Some(limit));
        let names: Vec<String> = app.statements().iter().map(|record| record.name.to_string()).collect();
        assert_eq!(names, [
            "auth_sessions.authenticate",
            "auth_users.list",
            "auth_profiles.profile_of_auth_users",
            "auth_settings.settings_of_auth_users",
            "auth_permissions.permissions_of_auth_users",
        ]);
        assert_eq!(answer.statements(), 5);
    }
});

both_databases!(app::app(); async fn a_list_of_tasks_costs_the_same_for_any_length_and_one_call_to_auth(app) {
    app.seed_demo().await;
    let token = token(app, "owner@acme.test").await;
    let projects = app.get("/v1/projects").bearer(&token).send().await.json();
    let project = projects["items"][0]["id"].as_str().expect("the demo has projects");
    for limit in [5, 20, 40] {
        app.forget();
        let answer = app.get(&format!("/v1/projects/{project}/tasks?limit={limit}")).bearer(&token).send().await;
        assert_eq!(answer.json()["items"].as_array().map(Vec::len), Some(limit));
        let names: Vec<String> = app.statements().iter().map(|record| record.name.to_string()).collect();
        assert_eq!(names.len(), 8, "{names:?}");
        assert_eq!(app.calls().len(), 1);
    }
});
