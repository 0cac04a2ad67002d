//! What a wasm file consists of: its functions with their sizes and names.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use wasmparser::{KnownCustom, Name, Parser, Payload, TypeRef};

/// Bytes of a wasm file without its name section.
pub fn without_names(file: &Path) -> Result<u64> {
    let bytes = read(file)?;
    let mut length = bytes.len();
    for payload in Parser::new(0).parse_all(&bytes) {
        if let Payload::CustomSection(section) = payload?
            && section.name() == "name"
        {
            length -= section.data().len();
        }
    }
    Ok(length as u64)
}

/// Prints the largest parts of the code, `rows` of each kind.
pub fn print(file: &Path, rows: usize) -> Result<()> {
    let functions = functions(&read(file)?)?;
    let mut modules: BTreeMap<String, u32> = BTreeMap::new();
    for (name, size) in &functions {
        *modules.entry(module(name)).or_default() += size;
    }
    println!("\n{:>8}  module", "bytes");
    print_largest(modules, rows);
    println!("\n{:>8}  function", "bytes");
    print_largest(functions, rows);
    Ok(())
}

fn print_largest(sizes: impl IntoIterator<Item = (String, u32)>, rows: usize) {
    let mut sizes: Vec<_> = sizes.into_iter().collect();
    sizes.sort_by_key(|(_, size)| std::cmp::Reverse(*size));
    for (name, size) in sizes.into_iter().take(rows) {
        println!("{size:>8}  {name}");
    }
}

/// Each function's name and the size of its body.
fn functions(bytes: &[u8]) -> Result<Vec<(String, u32)>> {
    let mut imported = 0u32;
    let mut sizes = Vec::new();
    let mut names = BTreeMap::new();
    for payload in Parser::new(0).parse_all(bytes) {
        match payload? {
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    imported += u32::from(matches!(import?.ty, TypeRef::Func(_) | TypeRef::FuncExact(_)));
                }
            }
            Payload::CodeSectionEntry(body) => sizes.push(body.range().len() as u32),
            Payload::CustomSection(section) => {
                if let KnownCustom::Name(section) = section.as_known() {
                    for names_of_a_kind in section {
                        let Name::Function(function_names) = names_of_a_kind? else { continue };
                        for naming in function_names {
                            let naming = naming?;
                            names.insert(naming.index, naming.name.to_owned());
                        }
                    }
                }
            }
            _ => {}
        }
    }
    let named = sizes.into_iter().zip(imported..).map(|(size, index)| {
        let name = names.remove(&index).unwrap_or_else(|| format!("function {index}"));
        (name, size)
    });
    Ok(named.collect())
}

/// The crate and its first module, as far as a name tells: `alloc::collections`, `metered_core::room`.
fn module(function: &str) -> String {
    // Crates of the standard library carry a hash: `core[0123456789abcdef]::fmt`.
    let mut depth = 0;
    let plain: String = function
        .chars()
        .filter(|&character| {
            depth += i32::from(character == '[');
            let keep = depth == 0;
            depth -= i32::from(character == ']');
            keep
        })
        .collect();
    let start =
        plain.trim_start_matches(['<', '&', '*', '(']).trim_start_matches("mut ").trim_start_matches("dyn ");
    let end = start.find(|c: char| !(c.is_alphanumeric() || "_:".contains(c))).unwrap_or(start.len());
    let segments: Vec<&str> = start[..end].split("::").filter(|segment| !segment.is_empty()).collect();
    match segments[..] {
        [] => "(unnamed)".to_owned(),
        [only] => only.to_owned(),
        [first, second, ..] => format!("{first}::{second}"),
    }
}

fn read(file: &Path) -> Result<Vec<u8>> {
    std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::module;

    #[test]
    fn a_function_belongs_to_its_crate_and_first_module() {
        assert_eq!(module("metered_core::room::Room<V>::act::h0123"), "metered_core::room");
        assert_eq!(module("<core[c5930c85a12de822]::fmt::Formatter>::pad"), "core::fmt");
        assert_eq!(module("<&mut dyn alloc::vec::Vec<T> as core::fmt::Debug>::fmt"), "alloc::vec");
        assert_eq!(module("main"), "main");
        assert_eq!(module("<[u8] as core::fmt::Debug>::fmt"), "(unnamed)");
    }
}
