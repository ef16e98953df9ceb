//! Documents that agree with what is there: the table of crates, links, commands.

use std::collections::BTreeSet;

use crate::Finding;

/// Where the README's table of crates (rows `| path | what |`) is not the list of crates.
pub fn table(path: &str, text: &str, crates: &BTreeSet<String>) -> Vec<Finding> {
    let rows: BTreeSet<String> = text
        .lines()
        .filter_map(|line| line.strip_prefix('|'))
        .filter_map(|row| row.split('|').next())
        .map(|cell| cell.trim().trim_matches('`').to_owned())
        .filter(|cell| cell.contains('/') && !cell.contains(' '))
        .collect();
    let missing =
        crates.difference(&rows).map(|name| Finding::new(path, format!("the table of crates lacks `{name}`")));
    let extra =
        rows.difference(crates).map(|name| Finding::new(path, format!("the table has `{name}`, no such crate")));
    missing.chain(extra).collect()
}

/// Links to files that are not there.
pub fn links(path: &str, text: &str, exists: impl Fn(&str) -> bool) -> Vec<Finding> {
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut findings = Vec::new();
    for (index, line) in text.lines().enumerate() {
        for target in line.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = target.split('#').next().unwrap_or_default();
            if file.is_empty() || file.contains("://") || file.starts_with("mailto:") {
                continue;
            }
            if !exists(&joined(folder, file)) {
                findings.push(Finding::at(path, index + 1, format!("links to `{file}`, which is not there")));
            }
        }
    }
    findings
}

/// `file` as seen from `folder`, without `.` and `..`.
fn joined(folder: &str, file: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in file.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// Commands in ```` ```sh ```` blocks whose word `./manage.sh help` does not list.
pub fn commands(path: &str, text: &str, known: &BTreeSet<String>) -> Vec<Finding> {
    let mut in_block = false;
    let mut findings = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if let Some(language) = line.trim().strip_prefix("```") {
            in_block = !in_block && language == "sh";
            continue;
        }
        let Some(rest) = line.trim().strip_prefix("./manage.sh ").filter(|_| in_block) else { continue };
        let word = rest.split_whitespace().next().unwrap_or_default();
        if !known.contains(word) {
            findings.push(Finding::at(path, index + 1, format!("`./manage.sh help` knows no `{word}`")));
        }
    }
    findings
}

/// The words that a help text lists: the first of each indented line, each of them where `|` or a comma separates several.
pub fn words_of_help(help: &str) -> BTreeSet<String> {
    let indented = help.lines().filter(|line| line.starts_with([' ', '\t']));
    // Two spaces end an entry and begin its explanation.
    let entries = indented.filter_map(|line| line.trim().split("  ").next());
    let words = entries.flat_map(|entry| entry.split(',')).filter_map(|entry| entry.split_whitespace().next());
    words.flat_map(|words| words.split('|')).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(words: &[&str]) -> BTreeSet<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn a_table_that_is_not_the_workspace_is_found() {
        let text = "| path | what |\n|---|---|\n| `libs/a` | one |\n| libs/b | two |\n";
        assert!(table("README.md", text, &set(&["libs/a", "libs/b"])).is_empty());
        assert_eq!(table("README.md", text, &set(&["libs/a", "libs/b", "libs/c"])).len(), 1);
        assert_eq!(table("README.md", text, &set(&["libs/a"])).len(), 1);
        assert_eq!(table("README.md", "no table", &set(&["libs/a"])).len(), 1);
    }

    #[test]
    fn a_link_to_nowhere_is_found() {
        let text = "[a](a.md) [b](../README.md#top) [c](https://example.org/x) [d](#here) [e](gone.md)\n";
        let found = links("docs/index.md", text, |path| ["docs/a.md", "README.md"].contains(&path));
        assert_eq!(found, [Finding::at("docs/index.md", 1, "links to `gone.md`, which is not there")]);
    }

    #[test]
    fn an_unknown_command_is_found() {
        let text =
            "```sh\n./manage.sh up demo\n./manage.sh fly\n```\n```text\n./manage.sh swim\n```\n./manage.sh walk\n";
        let found = commands("README.md", text, &set(&["up"]));
        assert_eq!(found, [Finding::at("README.md", 3, "`./manage.sh help` knows no `fly`")]);
    }

    #[test]
    fn help_is_read() {
        let help =
            "./manage.sh WORD\n\nRun\n  up [PROFILE]   starts it, at once\n  start|stop NAME  one\n  fuzz N, run N\n";
        assert_eq!(words_of_help(help), set(&["up", "start", "stop", "fuzz", "run"]));
    }
}
