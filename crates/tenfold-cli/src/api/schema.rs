//! Compares two versions of a schema: a request may not be restricted further, an answer may not be widened.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use serde_json::Value;

use super::shape::{SchemaShape, name_of};

/// A breaking change, and the schema that contains it if that has a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaChange {
    pub schema: Option<String>,
    pub what: String,
}

impl SchemaChange {
    /// A change of the operation itself.
    pub fn here(what: impl Into<String>) -> Self {
        SchemaChange { schema: None, what: what.into() }
    }
}

/// The direction in which a value is sent.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Direction {
    Request,
    Answer,
}

/// The location of a schema.
#[derive(Clone)]
struct SchemaPlace {
    /// The innermost schema with a name.
    schema: Option<String>,
    /// The path from there, in words.
    path: String,
    direction: Direction,
}

impl SchemaPlace {
    fn field(&self, name: &str) -> Self {
        let path = match self.path.strip_suffix('`') {
            Some(outer) => format!("{outer}.{name}`"),
            None => format!("{} field `{name}`", self.path),
        };
        SchemaPlace { path, ..self.clone() }
    }

    fn items(&self) -> Self {
        let path = match self.path.strip_suffix('`') {
            Some(outer) => format!("{outer}[]`"),
            None => format!("{}, each item", self.path),
        };
        SchemaPlace { path, ..self.clone() }
    }
}

/// Compares schemas of two documents; each pair of named schemas once.
pub struct Schemas<'a> {
    old: &'a Value,
    new: &'a Value,
    seen: HashSet<(String, String, Direction)>,
    changes: Vec<SchemaChange>,
}

impl<'a> Schemas<'a> {
    pub fn new(old: &'a Value, new: &'a Value) -> Self {
        Schemas { old, new, seen: HashSet::new(), changes: Vec::new() }
    }

    /// Finds the breaking changes between two schemas at one location, such as `the body`.
    pub fn compare(&mut self, old: &Value, new: &Value, direction: Direction, place: &str) {
        self.at(old, new, &SchemaPlace { schema: None, path: place.to_owned(), direction });
    }

    pub fn into_changes(self) -> Vec<SchemaChange> {
        self.changes
    }

    fn at(&mut self, old: &Value, new: &Value, place: &SchemaPlace) {
        let mut place = place.clone();
        if let (Some(before), Some(after)) = (name_of(old), name_of(new)) {
            let direction = place.direction;
            // "X or null" and X are two pairs, although the names are the same.
            let key = |name: &str, schema: &Value| format!("{name} {}", schema.get("$ref").is_some());
            if !self.seen.insert((key(before, old), key(after, new), direction)) {
                return;
            }
            let path = if direction == Direction::Request { "in requests," } else { "in answers," };
            place = SchemaPlace { schema: Some(before.to_owned()), path: path.to_owned(), direction };
        }
        let (before, after) = (SchemaShape::of(self.old, old), SchemaShape::of(self.new, new));
        self.types(&before, &after, &place);
        self.values(&before, &after, &place);
        match place.direction {
            Direction::Request => self.bounds(&before, &after, &place),
            Direction::Answer => self.format(&before, &after, &place),
        }
        self.fields(&before, &after, &place);
        if let (Some(old), Some(new)) = (&before.items, &after.items) {
            self.at(old, new, &place.items());
        }
        if !before.alternatives.is_empty() || !after.alternatives.is_empty() {
            self.alternatives((&before, old), (&after, new), &place);
        }
    }

    fn report(&mut self, place: &SchemaPlace, what: &str) {
        let what = format!("{} {what}", place.path);
        self.changes.push(SchemaChange { schema: place.schema.clone(), what });
    }

    fn types(&mut self, old: &SchemaShape, new: &SchemaShape, place: &SchemaPlace) {
        // Integers are numbers.
        let covers = |wide: &Option<BTreeSet<String>>, narrow: &Option<BTreeSet<String>>| match (wide, narrow)
        {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(wide), Some(narrow)) => {
                narrow.iter().all(|one| wide.contains(one) || (one == "integer" && wide.contains("number")))
            }
        };
        let text = |types: &Option<BTreeSet<String>>| match types {
            None => "of any type".to_owned(),
            Some(types) => types.iter().cloned().collect::<Vec<_>>().join(" or "),
        };
        let (before, after) = (text(&old.types), text(&new.types));
        match place.direction {
            Direction::Request if !covers(&new.types, &old.types) => {
                self.report(place, &format!("must be {after} instead of {before}"));
            }
            Direction::Answer if !covers(&old.types, &new.types) => {
                self.report(place, &format!("may be {after} instead of {before}"));
            }
            _ => {}
        }
    }

    fn values(&mut self, old: &SchemaShape, new: &SchemaShape, place: &SchemaPlace) {
        let list =
            |values: Vec<&String>| values.into_iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        match (place.direction, &old.values, &new.values) {
            (Direction::Request, Some(old), Some(new)) if !old.is_subset(new) => {
                self.report(place, &format!("may no longer be {}", list(old.difference(new).collect())));
            }
            (Direction::Request, None, Some(new)) => {
                self.report(place, &format!("may only be {}", list(new.iter().collect())));
            }
            (Direction::Answer, Some(old), Some(new)) if !new.is_subset(old) => {
                self.report(place, &format!("may also be {}", list(new.difference(old).collect())));
            }
            (Direction::Answer, Some(old), None) => {
                self.report(place, &format!("is no longer one of {}", list(old.iter().collect())));
            }
            _ => {}
        }
    }

    /// The bounds on a request.
    fn bounds(&mut self, old: &SchemaShape, new: &SchemaShape, place: &SchemaPlace) {
        for (name, form) in &new.form {
            if old.form.get(name) != Some(form) {
                self.report(place, &format!("must have the {name} {form}"));
            }
        }
        let mut tighter =
            |old: &BTreeMap<&str, f64>, new: &BTreeMap<&str, f64>, is_tighter: fn(f64, f64) -> bool| {
                for (name, bound) in new {
                    match old.get(name) {
                        Some(before) if !is_tighter(*bound, *before) => {}
                        Some(before) => {
                            self.report(place, &format!("has the {name} {bound} instead of {before}"))
                        }
                        None => self.report(place, &format!("has the {name} {bound}")),
                    }
                }
            };
        tighter(&old.least, &new.least, |new, old| new > old);
        tighter(&old.most, &new.most, |new, old| new < old);
    }

    /// The format by which a client parses a text of an answer.
    fn format(&mut self, old: &SchemaShape, new: &SchemaShape, place: &SchemaPlace) {
        if let Some(before) = old.form.get("format")
            && new.form.get("format") != Some(before)
        {
            self.report(place, &format!("no longer has the format {before}"));
        }
    }

    fn fields(&mut self, old: &SchemaShape, new: &SchemaShape, place: &SchemaPlace) {
        for (name, before) in &old.properties {
            let place = place.field(name);
            match new.properties.get(name) {
                Some(after) => self.at(before, after, &place),
                None => self.report(&place, "is gone"),
            }
        }
        match place.direction {
            Direction::Request => {
                for name in new.required.difference(&old.required) {
                    self.report(&place.field(name), "is required");
                }
                if new.closed && !old.closed {
                    self.report(place, "may have no other fields");
                }
            }
            Direction::Answer => {
                let there = |name: &&String| new.properties.contains_key(*name);
                for name in old.required.difference(&new.required).filter(there) {
                    self.report(&place.field(name), "may be missing");
                }
            }
        }
    }

    /// Pairs alternatives that are equal or have the same name, then the others in order.
    fn alternatives(
        &mut self,
        old: (&SchemaShape, &Value),
        new: (&SchemaShape, &Value),
        place: &SchemaPlace,
    ) {
        let list = |(shape, schema): (&SchemaShape, &Value)| match shape.alternatives.is_empty() {
            true => vec![schema.clone()],
            false => shape.alternatives.clone(),
        };
        let (mut before, mut after) = (list(old), list(new));
        let mut pairs = Vec::new();
        before.retain(|one| {
            let same =
                |other: &Value| other == one || (name_of(one).is_some() && name_of(other) == name_of(one));
            let found = after.iter().position(same);
            pairs.extend(found.map(|index| (one.clone(), after.remove(index))));
            found.is_none()
        });
        let rest = before.len().min(after.len());
        pairs.extend(before.drain(..rest).zip(after.drain(..rest)));
        for (before, after) in pairs {
            self.at(&before, &after, place);
        }
        let name = |schema: &Value| name_of(schema).map_or_else(|| schema.to_string(), str::to_owned);
        match place.direction {
            Direction::Request => {
                before
                    .iter()
                    .for_each(|gone| self.report(place, &format!("may no longer be {}", name(gone))));
            }
            Direction::Answer => {
                after.iter().for_each(|more| self.report(place, &format!("may also be {}", name(more))));
            }
        }
    }
}
