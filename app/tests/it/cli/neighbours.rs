//! Two processes on one database.

use super::process::Process;
use super::{create_project, in_both_places, list_all, sign_in_to_demo, sign_up};

/// A session that one process opened is good at the other, and both see the same rows.
fn assert_share(one: &Process, other: &Process, name: &str) {
    for (here, there, suffix) in [(one, other, "a"), (other, one, "b")] {
        let token = sign_up(here, &format!("{name}{suffix}"));
        let project = create_project(there, &token, "shared");
        let projects = list_all(here, &token, "/v1/projects");
        assert_eq!(projects.len(), 1);
        assert_eq!(projects[0]["id"].as_str(), Some(project.as_str()));
    }
}

in_both_places!(fn a_session_of_one_process_is_good_at_the_other(place) {
    let one = place.app(&["serve"]).start();
    let other = place.app(&["serve"]).start();
    assert_share(&one, &other, "ada");
});

/// Starts processes at the same moment on a database where nothing is yet.
fn start_together<const COUNT: usize>(place: &super::place::Place, arguments: &[&str]) -> [Process; COUNT] {
    let mut processes = [(); COUNT].map(|()| place.app(arguments).spawn());
    processes.iter_mut().for_each(Process::wait_until_ready);
    processes
}

in_both_places!(fn processes_that_start_at_once_on_an_empty_database_share_tables_and_signing_key(place) {
    let processes: [Process; 4] = start_together(place, &["serve"]);
    for (number, other) in processes[1..].iter().enumerate() {
        assert_share(&processes[0], other, &format!("ada{number}"));
    }
});

in_both_places!(fn processes_that_start_at_once_fill_the_demo_once(place) {
    let [one, other] = start_together(place, &["serve", "--demo"]);
    let token = sign_in_to_demo(&one, "owner@globex.test");
    assert_eq!(list_all(&other, &token, "/v1/users").len(), 10);
});

in_both_places!(fn processes_that_write_at_once_lose_nothing(place) {
    let one = place.app(&["serve"]).start();
    let other = place.app(&["serve"]).start();
    let token = sign_up(&one, "ada");
    std::thread::scope(|scope| {
        for (client, process) in [&one, &other, &one, &other].into_iter().enumerate() {
            let token = &token;
            scope.spawn(move || {
                for number in 0..25 {
                    create_project(process, token, &format!("{client} {number}"));
                }
            });
        }
    });
    assert_eq!(list_all(&other, &token, "/v1/projects").len(), 100);
});
