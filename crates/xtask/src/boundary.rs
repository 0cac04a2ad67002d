//! Short names where the wasm and its JavaScript meet.
//!
//! wasm-bindgen names every import and export after what it stands for, most with a random hash: 17 KB of
//! text that stands in the wasm file and once more in the glue, and that does not compress. Nobody outside
//! the bundle reads these names, so here both sides change them together:
//!
//! - imports are numbered, and the glue provides them as one array. The module that they come from is named after the
//!   wasm file, so that no other one can be linked: numbers alone would fit the file of another version too;
//! - exports and wasm-bindgen's private properties become a letter or two. The glue keeps the long names,
//!   and esbuild puts the short ones in their place ([`Shortened::names`]);
//! - exports that the glue does not use are dropped, and with them what only they kept alive.
//!
//! On the way the glue loses what cannot happen here: fallbacks for engines that cannot parse the
//! bundle's syntax anyway, checks for functions that the bundle is known to have, ways to free an object
//! by hand; and conversions of values are replaced by shorter ones (`conversions.js`). These only make it smaller, so text
//! that is not found is not missed. What must fit together is checked: an import without a counterpart in the glue, or an
//! export that is not there, fails the build.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use anyhow::{Context, Result, anyhow, bail};
use walrus::ModuleConfig;

/// Properties that wasm-bindgen puts on its objects for itself.
const PRIVATE: [&str; 4] = ["__wbg_ptr", "_wbg_cb_unref", "__destroy_into_raw", "__wrap"];

/// What the entries call. wasm-bindgen's own `initSync` also takes bytes, and arguments of older versions.
const INSTANTIATE: &str = "
export const instantiate = (module) =>
    __wbg_finalize_init(new WebAssembly.Instance(module, __wbg_get_imports()));
";

/// Conversions of values that are shorter than wasm-bindgen's.
const CONVERSIONS: &str = include_str!("conversions.js");

/// A function that hands what it throws to Rust. Takes the place of a wrapper written out for each import.
const CAUGHT: &str = "const caught = (f) => (...args) => {
    try {
        return f(...args);
    } catch (e) {
        const idx = addToExternrefTable0(e);
        wasm.__wbindgen_exn_store(idx);
    }
};
";

/// The two sides with their new names.
pub struct Shortened {
    pub wasm: Vec<u8>,
    pub glue: String,
    /// The short names of the properties that keep their long ones in `glue`.
    pub names: BTreeMap<String, String>,
}

/// Renames what the wasm imports and exports.
pub fn shorten(wasm: &[u8], glue: &str) -> Result<Shortened> {
    let mut module =
        ModuleConfig::new().generate_producers_section(false).parse(wasm).context("cannot read the wasm")?;
    let glue = Glue::read(glue)?;
    let identity = identity(wasm);

    let mut array = String::new();
    for (number, import) in module.imports.iter_mut().enumerate() {
        array.push_str(&glue.import(&import.module, &import.name)?);
        array.push_str(",\n");
        import.module.clone_from(&identity);
        import.name = number.to_string();
    }
    let glue = prune(&glue.with_imports(&identity, &array));

    let wanted = properties_of(&glue, "wasm");
    let unwanted: Vec<_> = module
        .exports
        .iter()
        .filter(|export| !wanted.contains(export.name.as_str()))
        .map(|export| export.id())
        .collect();
    for export in unwanted {
        module.exports.delete(export);
    }
    let mut names = BTreeMap::new();
    for export in module.exports.iter_mut() {
        // Only a name with an underscore is surely nobody's but wasm-bindgen's.
        if export.name.contains('_') {
            let short = short_name(names.len());
            names.insert(std::mem::replace(&mut export.name, short.clone()), short);
        }
    }
    let exported = |name: &&str| names.contains_key(*name) || module.exports.iter().any(|e| e.name == *name);
    if let Some(missing) = wanted.iter().find(|name| !exported(name)) {
        bail!("the glue uses an export `{missing}`, which the wasm does not have");
    }
    for name in PRIVATE {
        names.insert(name.to_owned(), format!("_{}", short_name(names.len())));
    }
    Ok(Shortened { wasm: module.emit_wasm(), glue, names })
}

/// The name of the one module from which the wasm imports everything: an identifier that another wasm file does not have,
/// but for one in half a million. It stands in the file with each import, so every letter counts.
fn identity(wasm: &[u8]) -> String {
    let mut hasher = DefaultHasher::new();
    wasm.hash(&mut hasher);
    let hash = hasher.finish();
    (0..4).map(|place| char::from(b'a' + (hash >> (8 * place)) as u8 % 26)).collect()
}

/// wasm-bindgen's JavaScript, taken apart around the imports that it provides.
struct Glue<'a> {
    before: &'a str,
    after: &'a str,
    /// The functions made for the wasm, by their names.
    made: BTreeMap<&'a str, String>,
    /// The hand-written modules from which the wasm imports directly, as they are called in the glue.
    modules: BTreeMap<&'a str, &'a str>,
}

impl<'a> Glue<'a> {
    fn read(text: &'a str) -> Result<Self> {
        let changed = || anyhow!("the glue does not look as expected: has wasm-bindgen changed it?");
        let (before, rest) = text.split_once("function __wbg_get_imports() {\n").ok_or_else(changed)?;
        let (imports, after) = rest.split_once("\n}\n").ok_or_else(changed)?;
        let (made, modules) = imports
            .strip_prefix("    const import0 = {\n        __proto__: null,\n")
            .and_then(|imports| imports.split_once("    };\n    return {\n        __proto__: null,\n"))
            .ok_or_else(changed)?;
        let modules = modules
            .lines()
            .filter_map(|line| line.trim().strip_prefix('"')?.strip_suffix(',')?.split_once("\": "))
            .collect();
        Ok(Self { before, after, made: entries(made).ok_or_else(changed)?, modules })
    }

    /// What the glue has for an import, as an expression.
    fn import(&self, module: &str, name: &str) -> Result<String> {
        match self.modules.get(module) {
            Some(&"import0") => self.made.get(name).cloned(),
            Some(module) => Some(format!("{module}.{name}")),
            None => None,
        }
        .ok_or_else(|| anyhow!("the wasm imports `{name}` from `{module}`, which the glue does not provide"))
    }

    fn with_imports(&self, module: &str, array: &str) -> String {
        let Self { before, after, .. } = self;
        let caught = if array.contains("caught(") { CAUGHT } else { "" };
        format!(
            "{before}{caught}function __wbg_get_imports() {{\n    return {{ {module}: [\n{array}] }};\n}}\n\
             {after}{INSTANTIATE}"
        )
    }
}

/// The members of an object literal whose lines are indented as wasm-bindgen does it.
fn entries(members: &str) -> Option<BTreeMap<&str, String>> {
    let mut entries: Vec<(&str, String)> = Vec::new();
    for line in members.lines() {
        let member = line.strip_prefix("        ").filter(|rest| !rest.starts_with([' ', '}']));
        if let Some((name, value)) = member.map(|member| member.split_once(": ")).unwrap_or_default() {
            entries.push((name, value.to_owned()));
        } else {
            let (_, value) = entries.last_mut()?;
            value.push('\n');
            value.push_str(line);
        }
    }
    entries.into_iter().map(|(name, value)| Some((name, simpler(value.strip_suffix(',')?)))).collect()
}

/// The same function with less around it.
fn simpler(function: &str) -> String {
    // A function of ours, checked for being one.
    if let Some((name, _)) = function.strip_prefix("typeof ").and_then(|rest| rest.split_once(" == "))
        && function == format!("typeof {name} == 'function' ? {name} : notDefined('{name}')")
    {
        return name.to_owned();
    }
    let caught = function
        .strip_prefix("function() { return handleError(function ")
        .and_then(|rest| rest.strip_suffix(", arguments); }"))
        .and_then(arrow);
    if let Some(arrow) = caught {
        return format!("caught({arrow})");
    }
    function.strip_prefix("function").and_then(arrow).unwrap_or_else(|| function.to_owned())
}

/// `(a, b) { … }` as an arrow function, unless it would mean something else as one.
fn arrow(function: &str) -> Option<String> {
    let (parameters, body) = function.split_once(") {")?;
    let differs = ["this", "arguments"].iter().any(|word| function.contains(word));
    (parameters.starts_with('(') && !differs).then(|| format!("{parameters}) => {{{body}"))
}

/// The glue without what cannot happen.
fn prune(glue: &str) -> String {
    // Every engine that can parse the bundle has it.
    let glue = glue.replace("typeof FinalizationRegistry === 'undefined'", "false");
    let glue = shorter_conversions(&glue);
    let disposal = |line: &&str| !line.starts_with("if (Symbol.dispose) ");
    let mut glue: String = glue.split_inclusive('\n').filter(disposal).collect();

    // Memory is the garbage collector's business; a method that breaks its object is not part of the API.
    cut(&mut glue, "    free() {\n", "\n    }\n");
    if glue.matches("__destroy_into_raw").count() == glue.matches("    __destroy_into_raw() {\n").count() {
        cut(&mut glue, "    __destroy_into_raw() {\n", "\n    }\n");
    }
    glue
}

/// The glue with our conversions in the place of wasm-bindgen's, if it has those of texts, which use all others.
fn shorter_conversions(glue: &str) -> String {
    if !glue.contains("function passStringToWasm0(") {
        return glue.to_owned();
    }
    // What the functions that go have kept at hand.
    let kept = [
        "cachedUint8ArrayMemory0",
        "cachedTextDecoder",
        "cachedTextEncoder",
        "MAX_SAFARI_DECODE_BYTES",
        "numBytesDecoded",
    ];
    // There is no view of the memory before the module is instantiated.
    let is_reset = |line: &str| line == "    cachedDataViewMemory0 = null;\n";
    let is_kept = |line: &&str| is_reset(line) || kept.iter().any(|name| line.contains(name));
    let names = CONVERSIONS.lines().filter_map(|line| line.strip_prefix("function ")?.split('(').next());
    let mut glue = glue.to_owned();
    for name in names {
        cut(&mut glue, &format!("function {name}("), "\n}\n");
    }
    let glue: String = glue.split_inclusive('\n').filter(|line| !is_kept(line)).collect();
    let word = |at: u32, value| {
        format!("getDataViewMemory0().setInt32((arg0 >>> 0) + 4 * {at}, {value}, true);\n            ")
    };
    glue.replace(&(word(1, "len1") + word(0, "ptr1").trim_end()), "answerPair(arg0, ptr1, len1);")
        .replace(", wasm.__wbindgen_realloc)", ")")
        .replace("] * 1, 1", "], 1")
        + CONVERSIONS
}

/// Removes every stretch of text that has this start and ends with the next `end`.
fn cut(text: &mut String, start: &str, end: &str) {
    while let Some(from) = text.find(start) {
        let Some(length) = text[from..].find(end) else { return };
        text.replace_range(from..from + length + end.len(), "");
    }
}

/// The names that follow `object.` anywhere in a text.
fn properties_of<'a>(text: &'a str, object: &str) -> BTreeSet<&'a str> {
    let access = format!("{object}.");
    let part_of_name = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
    text.match_indices(&access)
        .filter(|(at, _)| !text[..*at].ends_with(|c| part_of_name(c) || c == '.'))
        .map(|(at, _)| {
            let property = &text[at + access.len()..];
            &property[..property.find(|c| !part_of_name(c)).unwrap_or(property.len())]
        })
        .collect()
}

/// `a` to `z`, then `aa`, `ab` and so on.
pub fn short_name(number: usize) -> String {
    let last = char::from(b'a' + (number % 26) as u8);
    match number / 26 {
        0 => last.to_string(),
        more => format!("{}{last}", short_name(more - 1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use walrus::{FunctionBuilder, Module, ValType};

    const GLUE: &str = r#"import * as import1 from "./snippets/x/js/platform.js"

export class Room {
    __destroy_into_raw() {
        return this.__wbg_ptr;
    }
    free() {
        const ptr = this.__destroy_into_raw();
        wasm.__wbg_room_free(ptr, 0);
    }
    join() {
        return wasm.room_join(this.__wbg_ptr, notwasm.other);
    }
}
if (Symbol.dispose) Room.prototype[Symbol.dispose] = Room.prototype.free;
function __wbg_get_imports() {
    const import0 = {
        __proto__: null,
        __wbg_close_0123456789abcdef: function() { return handleError(function (arg0) {
            arg0.close();
        }, arguments); },
        __wbg_log_0123456789abcdef: typeof log == 'function' ? log : notDefined('log'),
        __wbg_now_0123456789abcdef: function() {
            const ret = wasm.memory.buffer;
            return ret;
        },
    };
    return {
        __proto__: null,
        "./room_bg.js": import0,
        "./snippets/x/js/platform.js": import1,
    };
}

export { initSync, __wbg_init as default };
"#;

    fn wasm(imports: &[(&str, &str)], exports: &[&str]) -> Vec<u8> {
        let mut module = Module::default();
        let unit = module.types.add(&[], &[]);
        for (from, name) in imports {
            module.add_import_func(from, name, unit);
        }
        for name in exports {
            let mut function = FunctionBuilder::new(&mut module.types, &[], &[ValType::I32]);
            function.func_body().i32_const(7);
            let id = function.finish(Vec::new(), &mut module.funcs);
            module.exports.add(name, id);
        }
        module.emit_wasm()
    }

    const IMPORTS: [(&str, &str); 4] = [
        ("./room_bg.js", "__wbg_now_0123456789abcdef"),
        ("./snippets/x/js/platform.js", "field"),
        ("./room_bg.js", "__wbg_log_0123456789abcdef"),
        ("./room_bg.js", "__wbg_close_0123456789abcdef"),
    ];
    const EXPORTS: [&str; 5] =
        ["memory", "room_join", "__wbg_room_free", "__wbindgen_exn_store", "__abort_handler"];

    fn error(imports: &[(&str, &str)], exports: &[&str], glue: &str) -> String {
        shorten(&wasm(imports, exports), glue).err().map(|error| error.to_string()).unwrap_or_default()
    }

    #[test]
    fn both_sides_get_the_same_short_names() {
        let short = shorten(&wasm(&IMPORTS, &EXPORTS), GLUE).unwrap();
        let module = Module::from_buffer(&short.wasm).unwrap();
        let imports: Vec<_> = module.imports.iter().map(|i| (i.module.as_str(), i.name.as_str())).collect();
        let name = identity(&wasm(&IMPORTS, &EXPORTS));
        let name = name.as_str();
        assert_eq!(imports, [(name, "0"), (name, "1"), (name, "2"), (name, "3")]);
        let exports: BTreeSet<_> = module.exports.iter().map(|e| e.name.as_str()).collect();
        let store = short.names["__wbindgen_exn_store"].as_str();
        assert_eq!(exports, BTreeSet::from(["memory", short.names["room_join"].as_str(), store]));
        assert!(short.names.contains_key("__wbg_ptr"));
    }

    #[test]
    fn another_wasm_file_imports_from_another_module() {
        assert_eq!(identity(b"one"), identity(b"one"));
        assert_ne!(identity(b"one"), identity(b"other"));
    }

    #[test]
    fn imports_stand_in_the_wasms_order() {
        let glue = shorten(&wasm(&IMPORTS, &EXPORTS), GLUE).unwrap().glue;
        let array = ": [\n() => {\n            const ret = wasm.memory.buffer;\n            \
                     return ret;\n        },\nimport1.field,\nlog,\ncaught((arg0) => {\n            \
                     arg0.close();\n        }),\n] };";
        assert!(glue.contains(array), "{glue}");
    }

    #[test]
    fn nothing_frees_an_object_by_hand() {
        let glue = shorten(&wasm(&IMPORTS, &EXPORTS), GLUE).unwrap().glue;
        for gone in ["free", "__destroy_into_raw", "dispose"] {
            assert!(!glue.contains(gone), "{gone}: {glue}");
        }
        assert!(glue.contains("join() {"), "{glue}");
    }

    #[test]
    fn texts_cross_by_our_conversions() {
        let theirs = "const cachedTextEncoder = new TextEncoder();\n\
                      function passStringToWasm0(arg, malloc, realloc) {\n    theirs(cachedTextEncoder);\n}\n\
                      const ptr1 = passStringToWasm0(ret, wasm.__wbindgen_malloc, wasm.__wbindgen_realloc);\n\
                      function __wbg_finalize_init() {\n    cachedDataViewMemory0 = null;\n}\n";
        let ours = shorter_conversions(theirs);
        assert_eq!(ours.matches("function passStringToWasm0(").count(), 1, "{ours}");
        assert!(ours.contains("passStringToWasm0(ret, wasm.__wbindgen_malloc);"), "{ours}");
        for gone in ["theirs", "cached", "realloc"] {
            assert!(!ours.contains(gone), "{gone}: {ours}");
        }
    }

    #[test]
    fn what_does_not_fit_together_fails() {
        let unknown = [("./room_bg.js", "__wbg_open_0123456789abcdef")];
        assert!(error(&unknown, &EXPORTS, GLUE).contains("__wbg_open"));
        assert!(error(&[("env", "abort")], &EXPORTS, GLUE).contains("abort"));
        assert!(error(&IMPORTS, &["memory", "__wbindgen_exn_store"], GLUE).contains("room_join"));
        assert!(error(&IMPORTS, &EXPORTS, "export {};").contains("wasm-bindgen"));
    }

    #[test]
    fn a_function_that_is_no_arrow_stays_what_it_is() {
        assert_eq!(simpler("function(a) { return a; }"), "(a) => { return a; }");
        assert_eq!(simpler("function() { return this; }"), "function() { return this; }");
        assert_eq!(simpler("function() { f(arguments); }"), "function() { f(arguments); }");
    }

    #[test]
    fn short_names_do_not_repeat() {
        let names: BTreeSet<_> = (0..1000).map(short_name).collect();
        assert_eq!(names.len(), 1000);
        assert_eq!([short_name(0), short_name(25), short_name(26), short_name(702)], ["a", "z", "aa", "aaa"]);
    }
}
