//! Libs decide: they reach no clock, thread, socket, file, environment, randomness or terminal, and no hashed order.

use crate::Finding;

/// A call that pure crates do not make.
struct Ban {
    call: &'static str,
    instead: &'static str,
    /// Crates whose purpose it is.
    except: &'static [&'static str],
    /// What makes a line with it right.
    unless: Option<&'static str>,
}

const fn ban(call: &'static str, instead: &'static str) -> Ban {
    Ban { call, instead, except: &[], unless: None }
}

impl Ban {
    const fn but_in(self, except: &'static [&'static str]) -> Self {
        Self { except, ..self }
    }

    const fn unless(self, unless: &'static str) -> Self {
        Self { unless: Some(unless), ..self }
    }
}

const TIME: &str = "time is an argument";
const CHANCE: &str = "randomness is an argument: take a seeded generator";
const TERMINAL: &str = "libs print nothing: return it, or use tracing in the process";
const HASHED: &str = "use BTreeMap or BTreeSet, or end the line with `// order never reaches an output`";

const BANS: &[Ban] = &[
    ban("Instant::now", TIME),
    ban("SystemTime::now", TIME),
    ban("std::thread", "libs start no threads: the runtime does"),
    ban("std::net", "libs open no sockets: they take and give bytes"),
    ban("std::os::unix::net", "libs open no sockets: they take and give bytes"),
    ban("std::process", "libs start and end no process"),
    ban("tokio::", "libs are without I/O"),
    ban("std::fs", "libs touch no files: they take and give bytes").but_in(&[
        "libs/bars",
        "libs/store",
        "libs/capture",
        "libs/config",
    ]),
    ban("std::env", "libs read no environment: take a function of names").but_in(&["libs/config"]),
    ban("fastrand::", CHANCE).unless("fastrand::Rng"),
    ban("Rng::new()", CHANCE),
    ban("thread_rng", CHANCE),
    ban("getrandom", CHANCE),
    ban("RandomState", CHANCE),
    ban("DefaultHasher", "its result changes between versions of Rust: use a named digest"),
    ban("println!", TERMINAL),
    ban("eprintln!", TERMINAL),
    ban("print!", TERMINAL),
    ban("dbg!", TERMINAL),
    ban("HashMap", HASHED).unless("// order never reaches an output"),
    ban("HashSet", HASHED).unless("// order never reaches an output"),
];

/// Whether the rule is about this file: the sources of libs.
fn is_pure(path: &str) -> bool {
    path.starts_with("libs/") && path.contains("/src/") && path.ends_with(".rs")
}

/// The files that a source file declares for tests only: `#[cfg(test)] mod name;`.
pub fn test_modules(path: &str, text: &str) -> Vec<String> {
    let (folder, file) = path.rsplit_once('/').unwrap_or(("", path));
    let folder = match file {
        "lib.rs" | "main.rs" | "mod.rs" => folder.to_owned(),
        _ => path.trim_end_matches(".rs").to_owned(),
    };
    let lines = text.lines().zip(text.lines().skip(1));
    lines
        .filter(|(attribute, _)| attribute.trim() == "#[cfg(test)]")
        .filter_map(|(_, module)| module.trim().strip_prefix("mod ")?.strip_suffix(';'))
        .flat_map(|name| [format!("{folder}/{name}.rs"), format!("{folder}/{name}/mod.rs")])
        .collect()
}

/// Calls in a source file of libs that reach outside.
pub fn findings(path: &str, text: &str) -> Vec<Finding> {
    if !is_pure(path) {
        return Vec::new();
    }
    let statements = statements(text);
    let bans = BANS.iter().filter(|ban| !ban.except.iter().any(|except| path.starts_with(&format!("{except}/"))));
    bans.flat_map(|ban| {
        statements
            .iter()
            .filter(|(_, code)| names(code, ban.call))
            .filter(|(_, code)| !ban.unless.is_some_and(|unless| code.contains(unless)))
            .map(|(line, _)| Finding::at(path, *line, format!("`{}` in a pure crate: {}", ban.call, ban.instead)))
    })
    .collect()
}

/// Whether `code`, its comment left aside, names `call` as a whole word.
fn names(code: &str, call: &str) -> bool {
    let code = code.split("// ").next().unwrap_or_default();
    code.match_indices(call).any(|(at, _)| {
        let before = code.get(..at).and_then(|before| before.chars().next_back());
        let after = code.get(at + call.len()..).and_then(|after| after.chars().next());
        let word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
        !word(before) && (!word(after) || !call.ends_with(|c: char| c.is_alphanumeric()))
    })
}

/// The lines that are built outside tests, without comments; a `use` of several names is told as one `use` for each.
fn statements(text: &str) -> Vec<(usize, String)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut statements = Vec::new();
    let mut use_of: Option<(usize, String)> = None;
    for (index, line) in lines.iter().enumerate() {
        let code = line.trim();
        if code == "#[cfg(test)]" && lines.get(index + 1).is_some_and(|next| next.trim_start().starts_with("mod ")) {
            if lines.get(index + 1).is_some_and(|next| next.ends_with('{')) {
                // A module of tests is the last thing in its file.
                break;
            }
            continue;
        }
        if code.starts_with("//") {
            continue;
        }
        match &mut use_of {
            Some((_, open)) => open.push_str(code),
            None if code.contains("use std::{") => use_of = Some((index + 1, code.to_owned())),
            None => statements.push((index + 1, code.to_owned())),
        }
        if let Some((line, whole)) = use_of.take_if(|(_, open)| open.ends_with(';')) {
            let names = whole.split(['{', '}', ',', ';']).skip(1).map(str::trim).filter(|name| !name.is_empty());
            statements.extend(names.map(|name| (line, format!("use std::{name};"))));
        }
    }
    statements
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(path: &str, text: &str) -> Vec<String> {
        findings(path, text).into_iter().map(|finding| finding.place).collect()
    }

    #[test]
    fn every_banned_call_is_found() {
        for ban in BANS {
            let text = format!("fn f() {{\n    let x = {}();\n}}\n", ban.call);
            assert_eq!(lines("libs/book/src/lib.rs", &text), ["libs/book/src/lib.rs:2"], "{}", ban.call);
        }
    }

    #[test]
    fn grouped_imports_are_seen_through() {
        assert_eq!(lines("libs/oms/src/a.rs", "use std::{fmt, fs, thread};").len(), 2);
        assert_eq!(lines("libs/oms/src/a.rs", "use std::{\n    collections::HashMap,\n    fmt,\n};").len(), 1);
    }

    #[test]
    fn exceptions_are_named_crates_only() {
        let text = "use std::fs::File;\n";
        assert!(lines("libs/store/src/lib.rs", text).is_empty());
        assert_eq!(lines("libs/storehouse/src/lib.rs", text).len(), 1);
        assert_eq!(lines("libs/capture/src/lib.rs", "let now = Instant::now();").len(), 1);
        assert!(lines("network/runtime/src/lib.rs", "let now = Instant::now();").is_empty());
    }

    #[test]
    fn randomness_has_a_seed() {
        assert!(lines("libs/actor/src/sim.rs", "use fastrand::Rng;\nlet rng = Rng::with_seed(seed);").is_empty());
        assert_eq!(lines("libs/actor/src/sim.rs", "let rng = Rng::new();\nlet x = fastrand::u64(..);").len(), 2);
    }

    #[test]
    fn tests_comments_and_other_words_are_left_alone() {
        let text = "// not println!\n//! Instant::now\nlet x = MyHashMapLike::new();\nlet x = 1; // std::fs\n\
                    #[cfg(test)]\nmod tests {\n    use std::fs;\n}\n";
        assert!(lines("libs/book/src/lib.rs", text).is_empty(), "{:?}", lines("libs/book/src/lib.rs", text));
        assert!(lines("libs/book/tests/a.rs", "println!()").is_empty());
        assert_eq!(lines("libs/book/src/lib.rs", "#[cfg(test)]\nmod tests;\nuse std::fs;").len(), 1);
    }

    #[test]
    fn files_of_tests_are_known_by_their_declaration() {
        let text = "mod a;\n#[cfg(test)]\nmod b;\n#[cfg(test)]\nmod tests {\n";
        assert_eq!(test_modules("libs/oms/src/lib.rs", text), ["libs/oms/src/b.rs", "libs/oms/src/b/mod.rs"]);
        assert_eq!(test_modules("libs/oms/src/x.rs", text), ["libs/oms/src/x/b.rs", "libs/oms/src/x/b/mod.rs"]);
    }

    #[test]
    fn a_hidden_order_is_said_so() {
        let path = "libs/oms/src/lib.rs";
        assert!(lines(path, "use std::collections::HashMap; // order never reaches an output").is_empty());
        assert_eq!(lines(path, "use std::collections::HashMap; // fast").len(), 1);
        assert_eq!(lines(path, "let now = Instant::now(); // order never reaches an output").len(), 1);
    }
}
