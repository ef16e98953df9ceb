//! Which messages somebody wants.

use mesh_codec::{Message, registry};
use mesh_types::{Domain, InstrumentId, SourceId};

use crate::error::CaptureError;

/// Takes the messages that fit all of its lists; an empty list takes all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Domains.
    pub domains: Vec<Domain>,
    /// Numbers of the first TLV's type: what a message is.
    pub types: Vec<u8>,
    /// Instruments; messages about none are left out.
    pub instruments: Vec<InstrumentId>,
    /// Senders.
    pub sources: Vec<SourceId>,
}

impl Filter {
    /// Adds a type by its name in the registry.
    ///
    /// # Errors
    /// When no type has the name.
    pub fn add_type(&mut self, name: &str) -> Result<(), CaptureError> {
        let entry = registry::entry_by_name(name).ok_or_else(|| CaptureError::Type { found: name.to_owned() })?;
        self.types.push(entry.number);
        Ok(())
    }

    /// Whether it takes this message.
    pub fn takes(&self, message: &Message<'_>) -> bool {
        let any = |list_is_empty: bool, fits: bool| list_is_empty || fits;
        let first = message.first();
        let number = first.map(|tlv| tlv.number);
        let instrument = first.and_then(|tlv| registry::entry(tlv.number)?.instrument(tlv.value));
        any(self.domains.is_empty(), self.domains.contains(&message.domain()))
            && any(self.sources.is_empty(), self.sources.contains(&message.source()))
            && any(self.types.is_empty(), number.is_some_and(|number| self.types.contains(&number)))
            && any(self.instruments.is_empty(), instrument.is_some_and(|i| self.instruments.contains(i)))
    }
}
