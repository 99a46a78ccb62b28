//! Insertions into sources and manifests that people have edited: by line, so that everything else stays as it is.

use proc_macro2::Span;
use syn::spanned::Spanned as _;

/// Edits a text by lines that end as its first line does, as rustfmt does: a file from Windows stays one.
pub fn keeping_line_ends<E>(text: &str, edit: impl FnOnce(&str) -> Result<String, E>) -> Result<String, E> {
    let is_windows = text.find('\n').is_some_and(|end| text[..end].ends_with('\r'));
    if !is_windows {
        return edit(text);
    }
    Ok(edit(&text.replace("\r\n", "\n"))?.replace('\n', "\r\n"))
}

/// `mod name;` in a file.
struct DeclaredMod {
    name: String,
    /// Index of the line on which it begins, with its attributes and the comment above.
    begins: usize,
    /// Index of the line behind it.
    ends: usize,
}

/// Adds `mod name;`, or `pub(crate) mod name;`, among those that are there, in the order of their names. `None` if it is
/// there already.
pub fn add_mod(text: &str, visibility: &str, name: &str) -> Option<String> {
    let lines: Vec<&str> = text.lines().collect();
    let mods = declared_mods(text, &lines);
    if mods.iter().any(|there| there.name == name) {
        return None;
    }
    let new = format!("{visibility}mod {name};");
    let after = mods.iter().rfind(|there| there.name.as_str() < name);
    Some(match (after, mods.first()) {
        (Some(there), _) => inserted(&lines, there.ends, &[&new]),
        (None, Some(first)) => inserted(&lines, first.begins, &[&new]),
        // Below the comment at the top.
        (None, None) => {
            let top = lines.iter().take_while(|line| line.starts_with("//!")).count();
            inserted(&lines, top, &["", &new])
        }
    })
}

/// The modules that a text declares as files. A text that is not Rust has none; what is added to it is refused later.
fn declared_mods(text: &str, lines: &[&str]) -> Vec<DeclaredMod> {
    let items = syn::parse_file(text).map(|file| file.items).unwrap_or_default();
    let line = |span: Span| span.start().line.saturating_sub(1);
    let declared = items.iter().filter_map(|item| match item {
        syn::Item::Mod(item) => Some((item, item.semi?)),
        _ => None,
    });
    let declared = declared.map(|(item, end)| {
        let first = item.attrs.iter().map(|attribute| line(attribute.span())).min();
        let first = first.unwrap_or_else(|| line(item.span()));
        let comment = lines[..first].iter().rev().take_while(|above| {
            let above = above.trim_start();
            above.starts_with("//") && !above.starts_with("//!")
        });
        DeclaredMod {
            name: item.ident.to_string(),
            begins: first - comment.count(),
            ends: line(end.span()) + 1,
        }
    });
    declared.collect()
}

/// Adds a line behind the last one that begins with one of these, ignoring how far it is indented. `None` if there is no
/// such line.
pub fn add_behind(text: &str, beginnings: &[&str], new: &str) -> Option<String> {
    let lines: Vec<&str> = text.lines().collect();
    let is_one = |line: &&str| beginnings.iter().any(|beginning| line.trim_start().starts_with(beginning));
    let at = lines.iter().rposition(is_one)?;
    // A call that goes on over several lines ends where its brackets close.
    let mut depth = 0_i64;
    let end = (at..lines.len()).find(|line| {
        for byte in lines[*line].bytes() {
            depth +=
                i64::from(matches!(byte, b'(' | b'[' | b'{')) - i64::from(matches!(byte, b')' | b']' | b'}'));
        }
        depth <= 0
    })?;
    // The end of the chain stays at the end.
    let last = lines[end];
    let (kept, tail) = match last.strip_suffix(';') {
        Some(kept) => (kept, ";"),
        None => (last, ""),
    };
    let mut lines = lines.clone();
    lines[end] = kept;
    let indent = if lines[at].trim_start().starts_with('.') {
        indent_of(lines[at])
    } else {
        format!("{}    ", indent_of(lines[at]))
    };
    let new = format!("{indent}{new}{tail}");
    Some(inserted(&lines, end + 1, &[&new]))
}

/// Adds a module's package to the application's manifest: as a dependency, and to the list of modules. `None` if the
/// manifest has no such list or no dependencies.
pub fn add_module(manifest: &str, name: &str) -> Option<String> {
    let listed = add_to_list(manifest, name)?;
    let lines: Vec<&str> = listed.lines().collect();
    let header = lines.iter().position(|line| line.trim() == "[dependencies]")?;
    let section = &lines[header + 1..];
    let length = section.iter().position(|line| line.starts_with('[')).unwrap_or(section.len());
    let is_later = |line: &&str| {
        line.split(['.', ' ', '='])
            .next()
            .is_some_and(|key| !key.is_empty() && !key.starts_with('#') && key > name)
    };
    let behind = section[..length].iter().position(is_later);
    // Without a later one: behind the last line that is not empty.
    let at = behind.unwrap_or_else(|| {
        section[..length].iter().rposition(|line| !line.trim().is_empty()).map_or(0, |last| last + 1)
    });
    // Not into a section of the template's.
    let at = if at > 0 && section[at - 1].trim_start().starts_with('#') { at - 1 } else { at };
    let new = format!("{name} = {{ path = \"modules/{name}\" }}");
    Some(inserted(&lines, header + 1 + at, &[&new]))
}

/// The console comes last in the list, so that a new module stands before it.
const LAST: &str = "\"tenfold-console\"";

fn add_to_list(manifest: &str, name: &str) -> Option<String> {
    let section = manifest.find("[package.metadata.tenfold]")?;
    let begins = section + manifest[section..].find("modules = [")?;
    let ends = begins + manifest[begins..].find(']')?;
    let at = begins + manifest[begins..ends].find(LAST).unwrap_or(ends - begins);
    let line = manifest[..at].rfind('\n').map_or(0, |newline| newline + 1);
    let is_alone = manifest[line..at].trim().is_empty();
    let (before, after) = manifest.split_at(if is_alone { line } else { at });
    Some(if is_alone {
        format!("{before}    \"{name}\",\n{after}")
    } else if after.starts_with(']') {
        let separator = if before.trim_end().ends_with(['[', ',']) { "" } else { ", " };
        format!("{before}{separator}\"{name}\"{after}")
    } else {
        format!("{before}\"{name}\", {after}")
    })
}

fn indent_of(line: &str) -> String {
    line.chars().take_while(|c| c.is_whitespace()).collect()
}

fn inserted(lines: &[&str], at: usize, new: &[&str]) -> String {
    let mut all: Vec<&str> = lines[..at].to_vec();
    all.extend(new);
    all.extend(&lines[at..]);
    let mut text = all.join("\n");
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::{add_behind, add_mod, add_module, keeping_line_ends};

    #[test]
    fn a_mod_is_added_in_the_order_of_names_and_once() {
        let text = "//! A module.\n\nmod a;\nmod c;\n\nuse x;\n";
        assert_eq!(add_mod(text, "", "b").unwrap(), "//! A module.\n\nmod a;\nmod b;\nmod c;\n\nuse x;\n");
        assert_eq!(add_mod("//! Top.\n", "pub(crate) ", "a").unwrap(), "//! Top.\n\npub(crate) mod a;\n");
        assert_eq!(add_mod("mod b;\n", "", "a").unwrap(), "mod a;\nmod b;\n");
        assert_eq!(add_mod(text, "", "a"), None);
    }

    #[test]
    fn attributes_and_comments_stay_with_their_mod() {
        let text = "//! Top.\n\n// On Unix only.\n#[cfg(unix)]\n#[path = \"x.rs\"]\nmod c;\n/* mod a; */\n";
        let added = add_mod(text, "", "a").unwrap();
        assert_eq!(added, text.replace("// On", "mod a;\n// On"));
        let added = add_mod(text, "", "d").unwrap();
        assert_eq!(added, text.replace("mod c;\n", "mod c;\nmod d;\n"));
    }

    #[test]
    fn lines_end_as_the_first_one_does() {
        let add = |text: &str| add_mod(text, "", "b").ok_or(());
        assert_eq!(
            keeping_line_ends("mod a;\r\nmod c;\r\n", add),
            Ok("mod a;\r\nmod b;\r\nmod c;\r\n".to_owned())
        );
        assert_eq!(keeping_line_ends("mod a;\nmod c;\n", add), Ok("mod a;\nmod b;\nmod c;\n".to_owned()));
    }

    #[test]
    fn a_line_is_added_behind_the_last_call_of_its_kind() {
        let text = "    Routes::new()\n        .routes(routes!(\n            a,\n        ))\n}\n";
        let added = add_behind(text, &["Routes::new()", ".routes("], ".routes(routes!(b))").unwrap();
        assert_eq!(
            added,
            "    Routes::new()\n        .routes(routes!(\n            a,\n        ))\n        .routes(routes!(b))\n}\n"
        );
        assert_eq!(
            add_behind("    Routes::new()\n", &["Routes::new()", ".routes("], ".x()").unwrap(),
            "    Routes::new()\n        .x()\n"
        );
        assert_eq!(
            add_behind("    a()\n        .routes(x);\n", &[".routes("], ".y()").unwrap(),
            "    a()\n        .routes(x)\n        .y();\n"
        );
        assert_eq!(add_behind("nothing\n", &[".routes("], ".y()"), None);
    }

    #[test]
    fn a_module_joins_the_list_and_the_dependencies() {
        let long = "[package.metadata.tenfold]\nmodules = [\n    \"tenfold-auth\",\n    \"tenfold-console\",\n]\n\n[dependencies]\nserde = \"1\"\n\n[dev-dependencies]\n";
        let expected = "[package.metadata.tenfold]\nmodules = [\n    \"tenfold-auth\",\n    \"notes\",\n    \"tenfold-console\",\n]\n\n[dependencies]\nnotes = { path = \"modules/notes\" }\nserde = \"1\"\n\n[dev-dependencies]\n";
        assert_eq!(add_module(long, "notes").unwrap(), expected);
        for (before, after) in [
            ("[\"a\", \"tenfold-console\"]", "[\"a\", \"zoo\", \"tenfold-console\"]"),
            ("[\"a\"]", "[\"a\", \"zoo\"]"),
            ("[]", "[\"zoo\"]"),
        ] {
            let text = |list: &str, more: &str| {
                format!(
                    "[package.metadata.tenfold]\nmodules = {list}\n\n[dependencies]\nserde = \"1\"\n{more}"
                )
            };
            assert_eq!(
                add_module(&text(before, ""), "zoo").unwrap(),
                text(after, "zoo = { path = \"modules/zoo\" }\n")
            );
        }
        assert_eq!(add_module("[package]\n", "zoo"), None);
    }
}
