//! What an executor may do with money.

use mesh_types::Mode;

/// Whether orders are only looked at by the venue.
///
/// # Errors
/// When the mode has no live executor.
pub fn is_dry(mode: Mode) -> Result<bool, String> {
    match mode {
        Mode::Paper => {
            Err("a mesh of mode paper has the paper exchange; a live executor needs mode dry_live or live".to_owned())
        }
        Mode::DryLive => Ok(true),
        Mode::Live => Ok(false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_live_places_orders_and_paper_has_no_live_executor() {
        assert_eq!((is_dry(Mode::DryLive), is_dry(Mode::Live)), (Ok(true), Ok(false)));
        assert!(is_dry(Mode::Paper).is_err_and(|error| error.contains("paper exchange")));
    }
}
