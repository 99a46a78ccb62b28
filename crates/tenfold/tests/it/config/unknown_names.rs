use tenfold::config::Presence;

use super::{loader, refusal, written};

fn refused_file(name: &str, text: &str) -> String {
    let path = written(name, text);
    let said = refusal(loader().file(&path, Presence::Optional));
    said.replace(path.to_str().unwrap(), name)
}

#[test]
fn a_mistyped_key_in_the_file_is_refused_with_its_line_and_the_nearest_name() {
    assert_eq!(
        refused_file("mistyped.toml", "# ours\n\n[http]\nprot = 80\n"),
        "no setting is called `http.prot` (mistyped.toml:4): did you mean `http.port`?"
    );
}

#[test]
fn a_mistyped_section_is_refused_even_if_it_is_empty() {
    assert_eq!(
        refused_file("section.toml", "[htpp]\nport = 80\n"),
        "no setting is called `htpp.port` (section.toml:2): did you mean `http.port`?"
    );
    assert_eq!(
        refused_file("empty_section.toml", "[databse]\n"),
        "no setting is called `databse` (empty_section.toml:1): did you mean `database`?"
    );
}

#[test]
fn a_key_in_the_wrong_section_is_told_where_it_belongs() {
    assert_eq!(
        refused_file("wrong_section.toml", "[http]\nport = 80\nverbose = true\n"),
        "no setting is called `http.verbose` (wrong_section.toml:3): did you mean `database.verbose`?"
    );
    assert_eq!(
        refused_file("no_section.toml", "url = \"x\"\n"),
        "no setting is called `url` (no_section.toml:1): did you mean `database.url`?"
    );
}

#[test]
fn a_key_like_no_other_is_told_what_there_is() {
    assert_eq!(
        refused_file("neighbours.toml", "[database]\nreplication_slots = 1\n"),
        "no setting is called `database.replication_slots` (neighbours.toml:2): remove it; the other keys are `database.url`, `database.timeout`, `database.verbose`"
    );
    assert_eq!(
        refused_file("sections.toml", "[replication]\nslots = 1\n"),
        "no setting is called `replication.slots` (sections.toml:2): remove it; the sections are `http`, `database`, `auth`"
    );
}

#[test]
fn the_first_mistake_of_the_file_is_the_one_that_is_told() {
    let said = refused_file("first_mistake.toml", "[http]\nzzz = 1\nlisten = 5\naaa = 1\n");
    assert!(said.contains("`http.zzz` (first_mistake.toml:2)"), "{said}");
}

#[test]
fn a_quoted_key_with_a_dot_is_not_the_dotted_key() {
    let said = refused_file("quoted.toml", "\"http.port\" = 80\n");
    assert!(said.starts_with("no setting is called `\"http.port\"` (quoted.toml:1)"), "{said}");
}

#[test]
fn a_table_array_in_place_of_a_section_is_refused() {
    let said = refused_file("table_array.toml", "[[http]]\nport = 80\n");
    assert_eq!(
        said,
        "`http` = (array) (table_array.toml:1) is refused: it is a section: write [http] and its keys below"
    );
    let said = refused_file("scalar.toml", "http = 80\n");
    assert!(said.contains("write [http] and its keys below"), "{said}");
}

#[test]
fn a_section_in_place_of_a_key_is_refused() {
    let said = refused_file("key_as_section.toml", "[http.port]\n");
    assert!(said.contains("expected a whole number"), "{said}");
    let said = refused_file("below_a_key.toml", "[http.port]\nx = 1\n");
    assert!(said.contains("did you mean `http.port`?"), "{said}");
}

#[test]
fn a_variable_that_names_no_key_is_refused_with_the_nearest_variable() {
    assert_eq!(
        refusal(loader().environment([("TENFOLD_DATABASE_URL", "x"), ("PATH", "/bin"), ("TENFOLD", "x")])),
        "no setting is called `TENFOLD_DATABASE_URL` (environment): did you mean `TENFOLD_DATABASE__URL`?"
    );
    assert_eq!(
        refusal(loader().environment([("TENFOLD_database__url", "x")])),
        "no setting is called `TENFOLD_database__url` (environment): did you mean `TENFOLD_DATABASE__URL`?"
    );
    assert!(refusal(loader().environment([("TENFOLD_", "x")])).contains("`TENFOLD_`"));
}

#[test]
fn the_order_of_the_environment_does_not_decide_which_error_is_told() {
    let (a, b) = (("TENFOLD_A", "1"), ("TENFOLD_B", "1"));
    assert_eq!(refusal(loader().environment([a, b])), refusal(loader().environment([b, a])));
}

#[test]
fn ignored_variables_pass_by_name_and_by_prefix() {
    let ignoring = || loader().ignore_environment(&["TENFOLD_LOG", "TENFOLD_TEST_"]);
    ignoring().environment([("TENFOLD_LOG", "debug"), ("TENFOLD_TEST_POSTGRES", "x")]).unwrap();
    refusal(ignoring().environment([("TENFOLD_LOGS", "debug")]));
    refusal(ignoring().environment([("TENFOLD_TESTS", "x")]));
}

#[test]
fn an_option_for_a_key_that_does_not_exist_is_refused_even_if_not_given() {
    assert_eq!(
        refusal(loader().flag("--listen", "http.lisen", None)),
        "no setting is called `http.lisen` (option --listen): did you mean `http.listen`?"
    );
}

#[test]
fn the_program_cannot_ask_for_what_does_not_exist() {
    let loaded = loader().load();
    let said = refusal(loaded.section::<toml::Table>("databse"));
    assert!(said.contains("did you mean `database`?"), "{said}");
    assert!(refusal(loaded.within("http.prot", 1, 1..)).contains("did you mean `http.port`?"));
    assert!(refusal(loaded.origin("http.prot")).contains("did you mean `http.port`?"));
    assert!(refusal(loader().secrets(&["auth.keys"])).contains("did you mean `auth.key`?"));
}
