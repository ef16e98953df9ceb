//! Who may join: rules without I/O.

use mesh_codec::PROTOCOL_VERSION;
use mesh_types::system::Hello;
use mesh_types::wire::WireEnum;
use mesh_types::{Domain, LogoutReason, Mode, Role, SourceId};

/// Why a connection is ended, and what the process is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) reason: LogoutReason,
    pub(crate) text: String,
    /// Counted under this word.
    pub(crate) kind: &'static str,
}

impl Refusal {
    pub(crate) fn new(reason: LogoutReason, text: impl Into<String>) -> Self {
        Self { reason, text: text.into(), kind: reason.name() }
    }
}

/// What a relay expects of those who join.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expected {
    pub(crate) domain: Domain,
    pub(crate) mesh_id: u64,
    pub(crate) mode: Mode,
    pub(crate) source: SourceId,
}

/// A process that said hello.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) source: SourceId,
    pub(crate) started_ns: u64,
    pub(crate) role: Role,
}

impl Member {
    pub(crate) const fn publishes(&self) -> bool {
        matches!(self.role, Role::Publisher | Role::Peer)
    }

    pub(crate) const fn subscribes(&self) -> bool {
        matches!(self.role, Role::Subscriber | Role::Peer)
    }
}

/// Whether a hello fits this relay.
pub(crate) fn check_hello(hello: &Hello, expected: &Expected) -> Result<Member, Refusal> {
    use LogoutReason as R;
    let refuse = |reason, text: String| Err(Refusal::new(reason, text));
    if hello.protocol != PROTOCOL_VERSION {
        return refuse(R::ProtocolVersion, format!("expected protocol {PROTOCOL_VERSION}, found {}", hello.protocol));
    }
    if hello.mesh_id.get() != expected.mesh_id {
        return refuse(R::MeshId, format!("expected mesh {}, found {}", expected.mesh_id, hello.mesh_id.get()));
    }
    if hello.mode.get() != Some(expected.mode) {
        return refuse(R::Mode, format!("expected mode {}, found {:?}", expected.mode, hello.mode));
    }
    if hello.domain.get() != Some(expected.domain) {
        let text =
            format!("this is the {} relay, {:?} was expected: check the topology", expected.domain, hello.domain);
        return refuse(R::HelloExpected, text);
    }
    let Some(role) = hello.role.get() else {
        return refuse(
            R::HelloExpected,
            format!("expected role 1 to {}, found {}", Role::Peer.code(), hello.role.raw()),
        );
    };
    let member = Member { source: hello.source, started_ns: hello.started_ns.get(), role };
    if member.publishes() && member.source.get() == 0 {
        return refuse(R::HelloExpected, "a publisher needs a source id above 0".to_owned());
    }
    if member.source == expected.source {
        return refuse(R::SourceInUse, format!("source {} is this relay's: check the topology", member.source));
    }
    Ok(member)
}

/// What becomes of a live connection when another process says hello with the same source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rivalry {
    /// The newcomer is the same process or a later run: the old connection is a dead one.
    ReplaceOld,
    /// The newcomer is an older run.
    RefuseNew,
}

/// Decides between two connections with one source.
pub(crate) const fn rivalry(old: &Member, new: &Member) -> Rivalry {
    if new.started_ns >= old.started_ns { Rivalry::ReplaceOld } else { Rivalry::RefuseNew }
}
