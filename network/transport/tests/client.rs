//! The client against a relay that the test plays, byte by byte, in memory.

#![allow(clippy::expect_used, clippy::panic, reason = "a test ends at what it does not expect")]

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, Instant};

use mesh_codec::{FrameBuilder, Frames, Stamp};
use mesh_transport::memory::MemoryLink;
use mesh_transport::{
    Backoff, Client, ClientConfig, ClientEvent, Connector, DownReason, Identity, SendOutcome, Subscription, control,
};
use mesh_types::system::{Heartbeat, Hello, KillSwitch, Resume, Subscribe, Welcome};
use mesh_types::{Domain, FixedStr, LogoutReason, Mode, Role, SourceId};

const RELAY: SourceId = SourceId::new(1);
const CAPACITY_BYTES: usize = 2_000;

/// Gives out links as the test lays them ready; without one, nobody is there.
#[derive(Clone, Default)]
struct Ends(Rc<RefCell<VecDeque<MemoryLink>>>);

impl Connector for Ends {
    type Link = MemoryLink;
    fn connect(&mut self) -> io::Result<MemoryLink> {
        self.0.borrow_mut().pop_front().ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

struct Scene {
    client: Client<Ends>,
    ends: Ends,
    now: Instant,
    log: Vec<String>,
    received: Vec<u64>,
}

impl Scene {
    fn new(domain: Domain) -> Self {
        let identity = Identity {
            name: FixedStr::truncated("peer"),
            source: SourceId::new(9),
            role: Role::Peer,
            mode: Mode::Paper,
            mesh_id: 7,
            started_ns: 5,
            build: FixedStr::truncated("test"),
        };
        let config = ClientConfig {
            path: PathBuf::new(),
            identity,
            domain,
            subscription: Some(Subscription::default()),
            send_queue_bytes: 4_000,
            resend_bytes: 10_000,
            backoff: Backoff { min_ms: 10, max_ms: 100 },
        };
        let ends = Ends::default();
        let client = Client::with_connector(config, ends.clone(), 1);
        Self { client, ends, now: Instant::now(), log: Vec::new(), received: Vec::new() }
    }

    fn poll(&mut self) {
        let Self { client, log, received, now, .. } = self;
        client.poll(*now, &mut |event| match event {
            ClientEvent::Up { relay } => log.push(format!("up {relay}")),
            ClientEvent::Down { reason: DownReason::Logout { reason, .. } } => {
                log.push(format!("logout {}", reason.map_or("?", LogoutReason::name)));
            }
            ClientEvent::Down { reason } => log.push(format!("down {reason}").chars().take(30).collect()),
            ClientEvent::Frames(bytes) => {
                received.extend(bytes.iter().map(|message| message.sequence()));
            }
            ClientEvent::Gap(gap) => log.push(format!("gap {}", gap.dropped())),
            ClientEvent::Control(_) => log.push("control".to_owned()),
        });
    }

    /// Lets time pass until it connects, and answers its hello.
    fn connect(&mut self, last_sequence: u64) -> MemoryLink {
        let (near, mut far) = MemoryLink::pair(CAPACITY_BYTES);
        self.ends.0.borrow_mut().push_back(near);
        self.now = self.client.deadline().expect("it tries again").max(self.now);
        self.poll();
        let said = read(&mut far);
        let hello = Frames::new(&said).next().expect("something").1.expect("valid");
        assert_eq!(hello.get::<Hello>().expect("a hello").started_ns.get(), 5);
        welcome(&mut far, last_sequence);
        self.poll();
        assert!(self.client.is_up());
        far
    }

    fn frames(&self, sequences: std::ops::RangeInclusive<u64>) -> Vec<u8> {
        frames(9, Domain::Signal, sequences)
    }
}

fn frames(source: u16, domain: Domain, sequences: std::ops::RangeInclusive<u64>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for sequence in sequences {
        let stamp = Stamp { domain, source: SourceId::new(source), sequence, timestamp_ns: sequence };
        FrameBuilder::new(&mut bytes, &stamp).body(&KillSwitch::default()).finish().expect("fits");
    }
    bytes
}

fn welcome(far: &mut MemoryLink, last_sequence: u64) {
    let mut bytes = Vec::new();
    let welcome = Welcome {
        relay: FixedStr::truncated("relay"),
        mesh_id: 7.into(),
        last_sequence: last_sequence.into(),
        ..Welcome::default()
    };
    control::put(&mut bytes, RELAY, &welcome);
    far.write_all(&bytes).expect("room");
}

fn read(far: &mut MemoryLink) -> Vec<u8> {
    let mut bytes = vec![0; CAPACITY_BYTES];
    let count = far.read(&mut bytes).unwrap_or_default();
    bytes.truncate(count);
    bytes
}

/// Everything that the client has to write, while it is polled.
fn drain(scene: &mut Scene, far: &mut MemoryLink) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        scene.poll();
        let more = read(far);
        if more.is_empty() {
            return bytes;
        }
        bytes.extend(more);
    }
}

fn sequences(bytes: &[u8]) -> Vec<u64> {
    let messages = Frames::new(bytes).map(|(_, message)| message.expect("whole and valid"));
    messages.filter(|message| !control::is_control(message.header())).map(|message| message.sequence()).collect()
}

#[test]
fn what_it_took_is_sent_again_where_the_relay_does_not_have_it() {
    let mut scene = Scene::new(Domain::Signal);
    // Before there is a connection frames wait.
    assert_eq!(scene.client.send(&scene.frames(1..=3)), SendOutcome::Queued);
    let mut far = scene.connect(0);
    assert_eq!(sequences(&drain(&mut scene, &mut far)), [1, 2, 3]);
    // More than the link holds: cut in the middle of a frame when the connection is lost.
    assert_eq!(scene.client.send(&scene.frames(4..=23)), SendOutcome::Queued);
    assert!(scene.client.wants_write());
    drop(far);
    scene.poll();
    assert!(!scene.client.is_up());
    assert_eq!(scene.client.send(&scene.frames(24..=24)), SendOutcome::Queued);
    // The relay says what it has. The hello comes first although a frame was cut.
    let mut far = scene.connect(10);
    assert_eq!(sequences(&drain(&mut scene, &mut far)), (11..=24).collect::<Vec<_>>());
    assert_eq!(scene.client.send(&scene.frames(25..=25)), SendOutcome::Sent);
    // A relay that was restarted has nothing.
    drop(far);
    scene.poll();
    let mut far = scene.connect(0);
    assert_eq!(sequences(&drain(&mut scene, &mut far)), (1..=25).collect::<Vec<_>>());
}

#[test]
fn full_is_said_and_takes_nothing() {
    let mut scene = Scene::new(Domain::Signal);
    let frame_bytes = scene.frames(1..=1).len();
    let room = 4_000 / frame_bytes;
    for n in 1..=room as u64 {
        assert_eq!(scene.client.send(&scene.frames(n..=n)), SendOutcome::Queued);
    }
    let full = SendOutcome::Full { queued_bytes: room * frame_bytes, capacity_bytes: 4_000 };
    let next = room as u64 + 1;
    assert_eq!(scene.client.send(&scene.frames(next..=next)), full);
    let mut far = scene.connect(0);
    assert_eq!(sequences(&drain(&mut scene, &mut far)), (1..next).collect::<Vec<_>>());
}

#[test]
fn market_messages_are_not_kept_and_not_sent_late() {
    let mut scene = Scene::new(Domain::Market);
    let market = |sequences| frames(9, Domain::Market, sequences);
    assert_eq!(scene.client.send(&market(1..=1)), SendOutcome::Full { queued_bytes: 0, capacity_bytes: 0 });
    let mut far = scene.connect(0);
    assert_eq!(scene.client.send(&market(2..=2)), SendOutcome::Sent);
    assert_eq!(scene.client.send(&market(3..=22)), SendOutcome::Queued);
    let mut begun = read(&mut far);
    begun.extend(drain(&mut scene, &mut far));
    assert_eq!(sequences(&begun), (2..=22).collect::<Vec<_>>());
    assert_eq!(scene.client.send(&market(23..=42)), SendOutcome::Queued);
    drop(far);
    scene.poll();
    let mut far = scene.connect(0);
    assert!(drain(&mut scene, &mut far).is_empty(), "what waited is old");
}

#[test]
fn it_is_given_each_message_once_and_says_where_it_stopped() {
    let mut scene = Scene::new(Domain::Signal);
    let mut far = scene.connect(0);
    let signals = |sequences| frames(30, Domain::Signal, sequences);
    far.write_all(&signals(1..=3)).expect("room");
    far.write_all(&signals(2..=4)).expect("room");
    far.write_all(&signals(7..=7)).expect("room");
    scene.poll();
    assert_eq!(
        (scene.received.as_slice(), scene.log.last().map(String::as_str)),
        ([1, 2, 3, 4, 7].as_slice(), Some("gap 2"))
    );
    drop(far);
    scene.poll();
    let (near, mut far) = MemoryLink::pair(CAPACITY_BYTES);
    scene.ends.0.borrow_mut().push_back(near);
    scene.now = scene.client.deadline().expect("it tries again");
    scene.poll();
    let said = read(&mut far);
    let messages: Vec<_> = Frames::new(&said).map(|(_, message)| message.expect("valid")).collect();
    let resume = messages.iter().find_map(|message| message.get_tailed::<Resume>()).expect("it says where");
    assert_eq!((resume.items.len(), resume.items[0].source.get(), resume.items[0].sequence.get()), (1, 30, 7));
    assert!(messages.last().is_some_and(|message| message.get::<Subscribe>().is_some()), "the subscription comes last");
}

#[test]
fn a_heartbeat_is_answered_between_two_frames() {
    let mut scene = Scene::new(Domain::Signal);
    let mut far = scene.connect(0);
    assert_eq!(scene.client.send(&scene.frames(1..=20)), SendOutcome::Queued);
    let mut heartbeat = Vec::new();
    control::put_heartbeat(&mut heartbeat, RELAY, 0);
    far.write_all(&heartbeat).expect("room");
    scene.poll();
    let said = drain(&mut scene, &mut far);
    assert_eq!(sequences(&said), (1..=20).collect::<Vec<_>>());
    let answers = Frames::new(&said)
        .filter(|(_, message)| message.as_ref().is_ok_and(|message| message.get::<Heartbeat>().is_some()));
    assert_eq!(answers.count(), 1);
}

#[test]
fn bad_bytes_end_the_connection_after_what_was_good_before_them() {
    for (bad, said) in [
        (b"garbage!".to_vec(), "down the relay sent a bad frame"),
        (frames(30, Domain::Market, 1..=1), "down the relay sent a bad frame"),
        (frames(30, Domain::Signal, 0..=0), "down the relay sent a bad frame"),
    ] {
        let mut scene = Scene::new(Domain::Signal);
        let mut far = scene.connect(0);
        far.write_all(&frames(30, Domain::Signal, 1..=2)).expect("room");
        far.write_all(&bad).expect("room");
        scene.poll();
        assert_eq!(scene.received, [1, 2]);
        let last = scene.log.last().expect("an event");
        assert!(said.starts_with(last.as_str()), "{last}");
        assert!(scene.client.fd().is_none() && !scene.client.is_up());
        scene.connect(0);
    }
}

#[test]
fn attempts_grow_apart_are_told_once_and_a_silent_relay_is_left() {
    let mut scene = Scene::new(Domain::Signal);
    let mut delays = Vec::new();
    for _ in 0..8 {
        scene.poll();
        let next = scene.client.deadline().expect("it tries again");
        delays.push(next - scene.now);
        scene.now = next;
    }
    assert!(delays[0] <= Duration::from_millis(10) && delays[7] >= Duration::from_millis(50), "{delays:?}");
    assert_eq!(scene.log.len(), 1, "one failure after the other is told once: {:?}", scene.log);
    // One that listens and says nothing.
    let (near, _far) = MemoryLink::pair(CAPACITY_BYTES);
    scene.ends.0.borrow_mut().push_back(near);
    scene.poll();
    scene.now = scene.client.deadline().expect("a timeout");
    scene.poll();
    assert!(scene.log.last().is_some_and(|event| event.contains("did not answer")), "{:?}", scene.log);
    // One that refuses, with its reason.
    let (near, mut far) = MemoryLink::pair(CAPACITY_BYTES);
    scene.ends.0.borrow_mut().push_back(near);
    let mut logout = Vec::new();
    control::put_logout(&mut logout, RELAY, LogoutReason::MeshId, "expected mesh 8, found 7");
    far.write_all(&logout).expect("room");
    drop(far);
    scene.now = scene.client.deadline().expect("it tries again");
    scene.poll();
    assert_eq!(scene.log.last().map(String::as_str), Some("logout mesh_id"));
}

#[test]
fn what_is_no_relay_is_left_and_tried_again() {
    // A message before the welcome: whatever listens there, it is no relay.
    let mut scene = Scene::new(Domain::Execution);
    let (near, mut far) = MemoryLink::pair(CAPACITY_BYTES);
    scene.ends.0.borrow_mut().push_back(near);
    scene.poll();
    far.write_all(&frames(3, Domain::Execution, 1..=1)).expect("room");
    scene.poll();
    assert!(scene.log.last().is_some_and(|line| line.starts_with("down what listens at the so")), "{:?}", scene.log);
    assert!(scene.received.is_empty() && !scene.client.is_up());
    // A message of another domain, after what was good.
    let mut far = scene.connect(0);
    far.write_all(&frames(3, Domain::Execution, 1..=2)).expect("room");
    far.write_all(&frames(3, Domain::Market, 1..=1)).expect("room");
    scene.poll();
    assert_eq!(scene.received, [1, 2]);
    assert!(scene.log.last().is_some_and(|line| line.starts_with("down the relay sent a bad")), "{:?}", scene.log);
    // The next relay is a relay, and what it repeats is not given out again.
    let mut far = scene.connect(0);
    far.write_all(&frames(3, Domain::Execution, 1..=3)).expect("room");
    scene.poll();
    assert_eq!(scene.received, [1, 2, 3]);
}
