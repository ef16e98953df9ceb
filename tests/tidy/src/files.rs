//! Files that grow past all sense, and paths that only one machine has.

use crate::Finding;

/// Lines that a source file may have; most have half of it at most.
pub const MAX_LINES: usize = 800;

/// Beginnings of paths that only the machine has on which something was written.
const MACHINE_PATHS: &[&str] = &[concat!("/wo", "rk/"), concat!("/ro", "ot/")];

/// A source file that is read in more than one sitting.
pub fn too_long(path: &str, text: &str) -> Vec<Finding> {
    let lines = text.lines().count();
    if path.ends_with(".rs") && lines > MAX_LINES {
        let what = format!("{lines} lines, at most {MAX_LINES}: it has more than one subject, split it");
        return vec![Finding::new(path, what)];
    }
    Vec::new()
}

/// Lines that name a place on somebody's machine.
pub fn machine_paths(path: &str, text: &str) -> Vec<Finding> {
    let lines = text.lines().enumerate();
    lines
        .filter_map(|(index, line)| {
            let found = MACHINE_PATHS.iter().find(|machine| {
                line.match_indices(*machine).any(|(at, _)| {
                    // Not inside a longer path, as `network/`'s `work/` or a URL's.
                    let before = line.get(..at).and_then(|before| before.chars().next_back());
                    !before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '}' | ')'))
                })
            })?;
            Some(Finding::at(path, index + 1, format!("`{found}` is on one machine only: name it from the workspace")))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_source_is_found() {
        let line = "x\n";
        assert!(too_long("libs/a/src/lib.rs", &line.repeat(MAX_LINES)).is_empty());
        assert_eq!(too_long("libs/a/src/lib.rs", &line.repeat(MAX_LINES + 1)).len(), 1);
        assert!(too_long("docs/protocol.md", &line.repeat(MAX_LINES + 1)).is_empty());
    }

    #[test]
    fn a_machine_s_path_is_found() {
        for machine in MACHINE_PATHS {
            assert_eq!(machine_paths("a.sh", &format!("fine\ncd {machine}alphamesh\n")).len(), 1);
            assert_eq!(machine_paths("a.sh", &format!("\"{machine}data\"")).len(), 1);
            assert!(machine_paths("a.sh", &format!("cd frame{machine}x")).is_empty());
        }
    }
}
