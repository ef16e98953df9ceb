//! The commands that documents show.

/// The ```` ```sh ```` blocks of a Markdown text, in their order.
pub fn shell_blocks(text: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(language) = line.trim().strip_prefix("```") {
            let block: Vec<&str> = lines.by_ref().take_while(|line| line.trim() != "```").collect();
            if language == "sh" {
                blocks.push(block.join("\n"));
            }
        }
    }
    blocks
}

/// A line as a test can run it: what goes on for ever is ended, what takes minutes is only looked at.
pub fn bounded(line: &str) -> String {
    let command = line.split(" #").next().unwrap_or_default().trim();
    let words: Vec<&str> = command.split_whitespace().collect();
    match words.as_slice() {
        // It has said what there was, and waits for more.
        ["./manage.sh", "logs", .., "-f"] => format!("timeout 3 {command} || test $? -eq 124"),
        ["./manage.sh", "fuzz", name, "--seconds" | "--repeat", _] => {
            format!("./manage.sh fuzz --list | grep -qx {name}")
        }
        [".ci/run"] => format!("bash -n {command}"),
        _ => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_of_shell_are_found_and_others_are_not() {
        let text = "a\n```sh\none\ntwo # 2\n```\n```text\nthree\n```\n```toml\n```\n```sh\nfour\n```\n";
        assert_eq!(shell_blocks(text), ["one\ntwo # 2", "four"]);
    }

    #[test]
    fn only_what_would_not_end_soon_is_changed() {
        assert_eq!(bounded("./manage.sh logs -f   # all"), "timeout 3 ./manage.sh logs -f || test $? -eq 124");
        assert_eq!(bounded("./manage.sh fuzz frames --seconds 60"), "./manage.sh fuzz --list | grep -qx frames");
        assert_eq!(bounded(".ci/run     # all"), "bash -n .ci/run");
        for line in ["./manage.sh fuzz --list  # targets", "./manage.sh logs portfolio", "run=$(ls | tail -n 1)"] {
            assert_eq!(bounded(line), line);
        }
    }
}
