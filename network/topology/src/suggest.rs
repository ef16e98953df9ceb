//! What did they mean?

/// The known word that is nearest to `word`, where one is near enough to be meant.
pub fn closest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|candidate| {
            let contains = !word.is_empty() && (candidate.contains(word) || word.contains(candidate));
            (if contains { 0.9 } else { strsim::jaro_winkler(word, candidate) }, candidate)
        })
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

/// `; did you mean X?`, or what there is.
pub fn hint<'a>(word: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> String {
    match closest(word, known.clone()) {
        Some(meant) => format!("did you mean {meant:?}?"),
        None => {
            let all: Vec<&str> = known.into_iter().collect();
            if all.is_empty() { "there is none".to_owned() } else { format!("there is: {}", all.join(", ")) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_its_word_and_nonsense_finds_none() {
        let known = ["relay-market", "relay-signal", "portfolio"];
        assert_eq!(closest("relay-markt", known), Some("relay-market"));
        assert_eq!(closest("momentum", ["strategy-momentum"]), Some("strategy-momentum"));
        assert_eq!(closest("portfolo", known), Some("portfolio"));
        assert_eq!(closest("xyzzy", known), None);
        assert_eq!(closest("", known), None);
        assert_eq!(hint("xyzzy", ["a", "b"]), "there is: a, b");
    }
}
