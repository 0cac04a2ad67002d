//! Reading a TOML document key by key, so that every mistake is found and told with its place.
//!
//! A [`Table`] is asked for the keys that it may have, each with what is expected of it. What is not as expected is noted
//! in the [`Document`] and read as if it were absent, so that reading goes on. In the end [`Table::finish`] notes the
//! keys that nobody has asked for.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use metered_protocol::Secret;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::mistake::{Mistake, Place};

/// The first part of the names of all variables that stand for a key.
pub(super) const VARIABLE_PREFIX: &str = "METERED_SERVER__";

/// A file's text, the environment over it, and what was found wrong with both.
pub(super) struct Document<'a> {
    text: &'a str,
    environment: &'a BTreeMap<String, String>,
    /// The variables that stand for a key there is.
    variables: RefCell<BTreeSet<String>>,
    mistakes: RefCell<Vec<Mistake>>,
}

impl<'a> Document<'a> {
    pub(super) fn new(text: &'a str, environment: &'a BTreeMap<String, String>) -> Self {
        Self { text, environment, variables: RefCell::default(), mistakes: RefCell::default() }
    }

    pub(super) fn mistake(&self, place: &Place, path: &str, message: impl Into<String>) {
        self.mistakes.borrow_mut().push(Mistake::new(self.text, place, path, message));
    }

    pub(super) fn variable(&self, name: &str) -> Option<&'a String> {
        self.environment.get(name)
    }

    /// All that is wrong, in the order of the file and then of the environment.
    pub(super) fn into_mistakes(self) -> Vec<Mistake> {
        let known = self.variables.take();
        let strangers = self.environment.keys().filter(|name| name.starts_with(VARIABLE_PREFIX));
        for name in strangers.filter(|name| !known.contains(*name)) {
            self.mistake(&Place::Variable(name.clone()), "", "no key of the configuration has this name");
        }
        let mut mistakes = self.mistakes.into_inner();
        mistakes.sort_by_key(|mistake| (mistake.line.is_none(), mistake.line, mistake.column));
        mistakes
    }
}

/// A value with its place, for what can only be judged together with others.
#[derive(Clone, Debug)]
pub(super) struct Found<T> {
    pub(super) value: T,
    pub(super) place: Place,
    pub(super) path: String,
}

/// A section of the file, there or not.
pub(super) struct Table<'a, 'd> {
    document: &'d Document<'a>,
    path: String,
    pub(super) place: Place,
    entries: Option<&'d DeTable<'a>>,
    asked: RefCell<Vec<&'static str>>,
    /// Whether variables stand for its keys. They do not in lists.
    has_variables: bool,
}

enum Raw<'a, 'd> {
    Value(&'d DeValue<'a>),
    Variable(&'a str),
}

impl<'a, 'd> Table<'a, 'd> {
    pub(super) fn root(document: &'d Document<'a>, entries: &'d DeTable<'a>) -> Self {
        let (path, place) = (String::new(), Place::File(0..0));
        Self { document, path, place, entries: Some(entries), asked: RefCell::default(), has_variables: true }
    }

    /// Whether the file has this section.
    pub(super) fn exists(&self) -> bool {
        self.entries.is_some()
    }

    /// Whether a key is there, with whatever value.
    pub(super) fn has(&self, key: &str) -> bool {
        self.entries.is_some_and(|entries| entries.get(key).is_some())
    }

    fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// Notes a mistake of the whole section.
    pub(super) fn mistake(&self, message: impl Into<String>) {
        self.document.mistake(&self.place, &self.path, message);
    }

    fn raw(&self, key: &'static str) -> Option<(Raw<'a, 'd>, Place)> {
        self.asked.borrow_mut().push(key);
        if self.has_variables {
            let name = VARIABLE_PREFIX.to_owned() + &self.path_of(key).replace('.', "__").to_uppercase();
            self.document.variables.borrow_mut().insert(name.clone());
            if let Some(value) = self.document.variable(&name) {
                return Some((Raw::Variable(value), Place::Variable(name)));
            }
        }
        let value = self.entries?.get(key)?;
        Some((Raw::Value(value.get_ref()), Place::File(value.span())))
    }

    /// A value that `read` makes something of. Else it is a mistake that tells what was expected.
    fn read<T>(
        &self,
        key: &'static str,
        expected: &str,
        read: impl FnOnce(&Raw<'a, 'd>) -> Result<T, String>,
    ) -> Option<Found<T>> {
        let (raw, place) = self.raw(key)?;
        let path = self.path_of(key);
        match read(&raw) {
            Ok(value) => Some(Found { value, place, path }),
            Err(what) => {
                self.document.mistake(&place, &path, format!("{what}: expected {expected}"));
                None
            }
        }
    }

    /// A string that `parse` makes something of. The mistake repeats the string, so secrets are read otherwise.
    pub(super) fn parsed<T>(
        &self,
        key: &'static str,
        expected: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<Found<T>> {
        self.read(key, expected, |raw| {
            let text = string(raw)?;
            parse(text).ok_or_else(|| format!("{text:?}"))
        })
    }

    /// A string that is shown to nobody.
    pub(super) fn secret(&self, key: &'static str) -> Option<Found<Secret>> {
        self.read(key, "a string", |raw| string(raw).map(Secret::new))
    }

    /// A whole number in a range.
    pub(super) fn number(&self, key: &'static str, range: RangeInclusive<u64>) -> Option<u64> {
        let expected = match range.end() {
            &u64::MAX => format!("a whole number, {} or more", range.start()),
            end => format!("a whole number from {} to {end}", range.start()),
        };
        let found = self.read(key, &expected, |raw| {
            let (digits, radix) = match raw {
                Raw::Variable(text) => (*text, 10),
                Raw::Value(DeValue::Integer(number)) => (number.as_str(), number.radix()),
                Raw::Value(other) => return Err(format!("this is {}", kind(other))),
            };
            let number = u64::from_str_radix(digits, radix).ok().filter(|number| range.contains(number));
            number.ok_or_else(|| match raw {
                Raw::Variable(text) => format!("{text:?}"),
                Raw::Value(_) => digits.to_owned(),
            })
        });
        found.map(|found| found.value)
    }

    /// `true` or `false`.
    pub(super) fn boolean(&self, key: &'static str) -> Option<bool> {
        let found = self.read(key, "true or false", |raw| match raw {
            Raw::Variable("true") | Raw::Value(DeValue::Boolean(true)) => Ok(true),
            Raw::Variable("false") | Raw::Value(DeValue::Boolean(false)) => Ok(false),
            Raw::Variable(text) => Err(format!("{text:?}")),
            Raw::Value(other) => Err(format!("this is {}", kind(other))),
        });
        found.map(|found| found.value)
    }

    /// A list of strings that `parse` makes something of each. A variable separates them by commas.
    pub(super) fn list<T>(
        &self,
        key: &'static str,
        expected: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<Vec<T>> {
        let (raw, place) = self.raw(key)?;
        let path = self.path_of(key);
        let parse = |text: &str, place: &Place, path: &str| {
            let value = parse(text);
            if value.is_none() {
                self.document.mistake(place, path, format!("{text:?}: expected {expected}"));
            }
            value
        };
        match raw {
            Raw::Variable(text) => {
                let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
                all(items.map(|item| parse(item, &place, &path)))
            }
            Raw::Value(DeValue::Array(items)) => {
                let items = items.iter().enumerate().map(|(at, item)| {
                    let (place, path) = (Place::File(item.span()), format!("{path}[{at}]"));
                    match item.get_ref() {
                        DeValue::String(text) => parse(text, &place, &path),
                        other => {
                            let message = format!("this is {}: expected {expected}", kind(other));
                            self.document.mistake(&place, &path, message);
                            None
                        }
                    }
                });
                all(items)
            }
            Raw::Value(other) => {
                let message = format!("this is {}: expected a list, each entry {expected}", kind(other));
                self.document.mistake(&place, &path, message);
                None
            }
        }
    }

    /// A section in this one. One that is not there is read too: variables may speak for it.
    pub(super) fn table(&self, key: &'static str) -> Table<'a, 'd> {
        self.asked.borrow_mut().push(key);
        let value = self.entries.and_then(|entries| entries.get(key));
        let place = value.map_or(self.place.clone(), |value| Place::File(value.span()));
        let path = self.path_of(key);
        let entries = value.and_then(|value| self.section(value, &path));
        let has_variables = self.has_variables;
        Table { document: self.document, path, place, entries, asked: RefCell::default(), has_variables }
    }

    /// The sections of a list, `[[key]]`, or `None` if it is something else, which is noted.
    pub(super) fn tables(&self, key: &'static str) -> Option<Vec<Table<'a, 'd>>> {
        self.asked.borrow_mut().push(key);
        let Some(value) = self.entries.and_then(|entries| entries.get(key)) else { return Some(Vec::new()) };
        let path = self.path_of(key);
        let DeValue::Array(items) = value.get_ref() else {
            let message =
                format!("this is {}: expected a list of sections, [[{key}]]", kind(value.get_ref()));
            self.document.mistake(&Place::File(value.span()), &path, message);
            return None;
        };
        let tables = items.iter().enumerate().filter_map(|(at, item)| {
            let path = format!("{path}[{at}]");
            let (entries, place) = (Some(self.section(item, &path)?), Place::File(item.span()));
            let asked = RefCell::default();
            Some(Table { document: self.document, path, place, entries, asked, has_variables: false })
        });
        let tables: Vec<_> = tables.collect();
        (items.is_empty() || !tables.is_empty()).then_some(tables)
    }

    fn section(&self, value: &'d Spanned<DeValue<'a>>, path: &str) -> Option<&'d DeTable<'a>> {
        let table = value.get_ref().as_table();
        if table.is_none() {
            let message = format!("this is {}: expected a section", kind(value.get_ref()));
            self.document.mistake(&Place::File(value.span()), path, message);
        }
        table
    }

    /// Notes the keys that nobody has asked for.
    pub(super) fn finish(self) {
        let mut asked = self.asked.take();
        asked.sort_unstable();
        asked.dedup();
        let unknown =
            self.entries.into_iter().flatten().filter(|(key, _)| !asked.contains(&key.get_ref().as_ref()));
        for (key, _) in unknown {
            let message = format!("unknown key: expected one of {}", asked.join(", "));
            self.document.mistake(&Place::File(key.span()), &self.path_of(key.get_ref()), message);
        }
    }
}

/// All of the values, if none is missing. It looks at every one, so that every mistake is noted.
fn all<T>(values: impl Iterator<Item = Option<T>>) -> Option<Vec<T>> {
    values.collect::<Vec<_>>().into_iter().collect()
}

fn string<'r>(raw: &'r Raw<'_, '_>) -> Result<&'r str, String> {
    match raw {
        Raw::Variable(text) => Ok(text),
        Raw::Value(DeValue::String(text)) => Ok(text),
        Raw::Value(other) => Err(format!("this is {}", kind(other))),
    }
}

fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a section",
    }
}
