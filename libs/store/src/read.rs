//! What user interfaces ask a ledger for, beside its writer.

use std::path::Path;

use mesh_codec::Message;
use mesh_types::system::KillSwitch;

use crate::error::{ErrorKind, StoreError};
use crate::ledger::SqliteLedger;

/// The kill switches as they were last committed, one for each scope, in the scopes' order; none where the ledger does not
/// exist yet.
///
/// # Errors
/// When the ledger can't be read.
pub fn kill_switches(path: &Path) -> Result<Vec<KillSwitch>, StoreError> {
    if !path.exists() {
        return Ok(Vec::new());
    }
    let connection = SqliteLedger::open_reader(path)?;
    let read = || -> Result<Vec<KillSwitch>, ErrorKind> {
        let mut statement = connection.prepare("SELECT frame FROM kill_switches ORDER BY scope")?;
        let mut rows = statement.query([])?;
        let mut switches = Vec::new();
        while let Some(row) = rows.next()? {
            let frame = row.get_ref(0)?.as_blob().ok();
            let message = frame.and_then(|frame| Message::parse(frame).ok());
            let switch = message.as_ref().and_then(|message| message.get::<KillSwitch>());
            switches.push(*switch.ok_or_else(|| ErrorKind::Corrupt("a kill switch without its frame".to_owned()))?);
        }
        Ok(switches)
    };
    read().map_err(|kind| StoreError::new(path, kind))
}

#[cfg(test)]
mod tests {
    use super::*;
    use mesh_actor::Ledger;
    use mesh_codec::{FrameBuilder, Frames, Stamp};
    use mesh_types::{Domain, FixedStr, KillLevel, SourceId};

    #[test]
    fn what_is_switched_can_be_read_beside_the_writer() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("portfolio.db");
        assert!(kill_switches(&path).expect("nothing").is_empty());
        let mut ledger = SqliteLedger::open(&path).expect("opens");
        assert!(kill_switches(&path).expect("nothing").is_empty());
        for (sequence, level, set_ns) in
            [(1, KillLevel::Hard, 5), (2, KillLevel::CloseOnly, 7), (3, KillLevel::None, 6)]
        {
            let stamp = Stamp { domain: Domain::Execution, source: SourceId::OPERATOR, sequence, timestamp_ns: set_ns };
            let reason = FixedStr::truncated("a drill");
            let switch = KillSwitch { level: level.into(), set_ns: set_ns.into(), reason, ..KillSwitch::default() };
            let mut frame = Vec::new();
            FrameBuilder::new(&mut frame, &stamp).body(&switch).finish().expect("fits");
            ledger.commit(Frames::new(&frame), Frames::new(&[])).expect("commits");
        }
        let found = kill_switches(&path).expect("reads");
        let [switch] = found.as_slice() else { panic!("one scope: {found:?}") };
        assert_eq!((switch.level.get(), switch.set_ns.get()), (Some(KillLevel::CloseOnly), 7), "the newest holds");
        std::fs::write(folder.path().join("torn.db"), b"no database at all").expect("written");
        assert!(kill_switches(&folder.path().join("torn.db")).is_err());
    }
}
