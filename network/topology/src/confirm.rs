//! The two confirmations without which nothing trades with real money.

use mesh_types::Mode;

/// The first: its names and the value that it must have.
pub const ENABLE: (&[&str], &str) = (&["ALPHAMESH_LIVE_ENABLE", "AI_QUANT_LIVE_ENABLE"], "1");
/// The second.
pub const CONFIRM: (&[&str], &str) =
    (&["ALPHAMESH_LIVE_CONFIRM", "AI_QUANT_LIVE_CONFIRM"], "I_UNDERSTAND_THIS_CAN_LOSE_MONEY");

/// Whether a mesh of this mode may start, given the environment.
///
/// # Errors
/// What is missing, and what to do.
pub fn check_mode(mode: Mode, variable: impl Fn(&str) -> Option<String>) -> Result<(), String> {
    if mode != Mode::Live {
        return Ok(());
    }
    let missing: Vec<String> = [ENABLE, CONFIRM]
        .into_iter()
        .filter(|(names, value)| !names.iter().any(|name| variable(name).as_deref() == Some(value)))
        .map(|(names, value)| format!("{}={value}", names.first().copied().unwrap_or_default()))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(format!(
        "mode \"live\" sends orders that cost real money and needs two confirmations in the environment; missing: {}. Use \
         mode \"paper\" to trade on the paper exchange, \"dry_live\" for everything but the last send",
        missing.join(" ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn live(pairs: &[(&str, &str)]) -> Result<(), String> {
        check_mode(Mode::Live, |asked| {
            pairs.iter().find(|(name, _)| *name == asked).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn live_needs_both_confirmations_to_the_letter() {
        assert!(live(&[]).is_err_and(|e| e.contains("ALPHAMESH_LIVE_ENABLE=1") && e.contains("CONFIRM=I_UNDER")));
        assert!(live(&[("ALPHAMESH_LIVE_ENABLE", "1")]).is_err_and(|e| !e.contains("LIVE_ENABLE=1")));
        let confirmed = "I_UNDERSTAND_THIS_CAN_LOSE_MONEY";
        assert!(live(&[("ALPHAMESH_LIVE_ENABLE", "true"), ("ALPHAMESH_LIVE_CONFIRM", confirmed)]).is_err());
        assert_eq!(live(&[("ALPHAMESH_LIVE_ENABLE", "1"), ("ALPHAMESH_LIVE_CONFIRM", confirmed)]), Ok(()));
        assert_eq!(live(&[("AI_QUANT_LIVE_ENABLE", "1"), ("AI_QUANT_LIVE_CONFIRM", confirmed)]), Ok(()));
    }

    #[test]
    fn other_modes_need_none() {
        assert_eq!(check_mode(Mode::Paper, |_| None), Ok(()));
        assert_eq!(check_mode(Mode::DryLive, |_| None), Ok(()));
    }
}
