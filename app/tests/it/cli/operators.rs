//! `app operator …`: who may sign in to the console under a name.

use super::in_both_places;
use super::place::Place;

fn operator(place: &Place, arguments: &[&str]) -> String {
    let finished = place.app(&[&["operator"], arguments].concat()).finish();
    assert_eq!(finished.status.code(), Some(0), "{arguments:?}: {}", finished.err);
    finished.out
}

fn refusal(place: &Place, arguments: &[&str]) -> String {
    let finished = place.app(&[&["operator"], arguments].concat()).finish();
    assert_eq!((finished.status.code(), finished.out.as_str()), (Some(1), ""), "{arguments:?}");
    finished.err
}

in_both_places!(fn operators_are_added_listed_and_removed(place) {
    place.app(&["serve"]).start().stop();
    let added = operator(place, &["add", "ada", "--role", "act"]);
    assert!(added.starts_with("ada signs in at /console"), "{added}");
    assert!(added.contains("password  ") && added.contains("otpauth://totp/console:ada?secret="), "{added}");
    operator(place, &["add", "bob"]);
    assert_ne!(operator(place, &["renew", "ada"]), added);
    let list = operator(place, &["list"]);
    let rows: Vec<Vec<&str>> = list.lines().map(|line| line.split_whitespace().take(2).collect()).collect();
    assert_eq!(rows, [["NAME", "ROLE"], ["ada", "act"], ["bob", "look"]]);
    assert!(refusal(place, &["add", "ada"]).contains("there is an operator ada already"));
    assert!(refusal(place, &["add", "Ada L."]).contains("1 to 40 of a-z"));
    assert_eq!(operator(place, &["remove", "bob"]), "bob is no operator any more\n");
    assert!(refusal(place, &["remove", "bob"]).contains("there is no operator bob"));
});
