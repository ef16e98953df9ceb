//! Kill switches that are no messages, as packets for the actor: what the environment says, once; what a file says, when it changes.
//! What a text means is `mesh_risk::kill`'s to say.

use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use mesh_risk::kill::{self, KillSource};
use mesh_runtime::BoxError;
use mesh_runtime::actor::{Bridge, PacketSender};
use mesh_types::system::ExternalRequest;

/// How often the file is looked at.
const LOOK: Duration = Duration::from_millis(200);
/// Of the file; a level is shorter.
const MOST_BYTES: u64 = 256;

/// Nothing is asked of the world.
struct Deaf;

impl Bridge for Deaf {
    fn request(&mut self, _request: &ExternalRequest, _bytes: &[u8]) {}
}

/// Tells what environment and file say now, before anything else is heard, and then the file's changes.
pub(crate) fn watch(file: Option<PathBuf>, packets: PacketSender) -> Result<Option<Box<dyn Bridge>>, BoxError> {
    let variable = |name: &str| std::env::var(name).ok();
    let file = file.or_else(|| kill::file_of_environment(variable).map(PathBuf::from));
    let environment = kill::environment(variable);
    if file.is_none() && environment.is_none() {
        return Ok(None);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let closed = |_| "the actor is gone";
    if let Some(text) = environment {
        runtime.block_on(packets.send(KillSource::Environment as u32, 0, text.into_bytes())).map_err(closed)?;
    }
    if let Some(file) = file {
        let mut said = read(&file);
        runtime.block_on(packets.send(KillSource::File as u32, 0, said.clone())).map_err(closed)?;
        std::thread::Builder::new().name("kill-file".to_owned()).spawn(move || {
            runtime.block_on(async {
                loop {
                    tokio::time::sleep(LOOK).await;
                    let now = read(&file);
                    if now == said {
                        continue;
                    }
                    said.clone_from(&now);
                    if packets.send(KillSource::File as u32, 0, now).await.is_err() {
                        return;
                    }
                }
            });
        })?;
    }
    Ok(Some(Box::new(Deaf)))
}

/// What the file says; one that is not there says nothing, one that can't be read something that is not understood, which stops.
fn read(path: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    match std::fs::File::open(path).and_then(|file| file.take(MOST_BYTES).read_to_end(&mut bytes)) {
        Ok(_) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => b"none".to_vec(),
        Err(_) => b"it can't be read".to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mesh_types::KillLevel;

    fn level(path: &Path) -> KillLevel {
        kill::parse_level(&String::from_utf8_lossy(&read(path)))
    }

    #[test]
    fn a_file_is_a_switch_while_it_is_there() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("kill");
        assert_eq!(level(&path), KillLevel::None);
        for (text, expected) in [
            ("", KillLevel::CloseOnly),
            ("halt_all\n", KillLevel::HaltAll),
            ("hard", KillLevel::Hard),
            ("?", KillLevel::HaltAll),
        ] {
            std::fs::write(&path, text).expect("written");
            assert_eq!(level(&path), expected);
        }
        std::fs::remove_file(&path).expect("removed");
        assert_eq!(level(&path), KillLevel::None);
        assert_eq!(level(folder.path()), KillLevel::HaltAll, "what can't be read stops");
    }
}
