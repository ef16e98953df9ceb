//! Sockets as files: long paths, permissions, what is stale and what is not.

#![allow(clippy::expect_used, clippy::panic, reason = "a test ends at what it does not expect")]

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::Path;

use mesh_transport::socket::{Listener, connect, listen, own_uid};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("it exists").permissions().mode() & 0o777
}

fn accepts(listener: &Listener, path: &Path) {
    let mut client = connect(path).expect("somebody listens");
    let mut server = listener.accept().expect("accepts").expect("a connection waits");
    assert_eq!((client.peer_uid().expect("known"), server.peer_uid().expect("known")), (own_uid(), own_uid()));
    client.write_all(b"hello").expect("room");
    let mut heard = [0; 5];
    server.read_exact(&mut heard).expect("it is there");
    assert_eq!(&heard, b"hello");
    assert!(listener.accept().expect("accepts").is_none());
}

#[test]
fn a_path_of_any_length_works_and_is_private() {
    let dir = tempfile::tempdir().expect("a directory");
    for depth in [1, 8] {
        let path = (0..depth).fold(dir.path().to_owned(), |path, _| path.join("a-directory-with-a-long-name"));
        let path = path.join("market.sock");
        assert_eq!(path.as_os_str().len() > 108, depth == 8);
        let listener = listen(&path).expect("listens");
        assert_eq!((mode(path.parent().expect("a directory")), mode(&path)), (0o700, 0o600));
        accepts(&listener, &path);
        drop(listener);
        assert!(!path.exists(), "it goes away with its listener");
        assert_eq!(connect(&path).expect_err("nobody").kind(), ErrorKind::NotFound);
    }
}

#[test]
fn a_dead_socket_is_replaced_and_a_living_one_is_not() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("run/market.sock");
    fs::create_dir(dir.path().join("run")).expect("made");
    fs::set_permissions(dir.path().join("run"), fs::Permissions::from_mode(0o700)).expect("private");
    // A process that was killed leaves its socket behind.
    drop(UnixListener::bind(&path).expect("bound"));
    assert!(path.exists());
    assert_eq!(connect(&path).expect_err("nobody").kind(), ErrorKind::ConnectionRefused);
    let listener = listen(&path).expect("replaces it");
    let refused = listen(&path).expect_err("somebody listens");
    assert_eq!(refused.kind(), ErrorKind::AddrInUse);
    assert!(refused.to_string().contains("stop it first"), "{refused}");
    let _ = listener.accept().expect("the probe");
    accepts(&listener, &path);
}

#[test]
fn what_is_no_socket_and_what_is_not_private_is_left_alone() {
    let dir = tempfile::tempdir().expect("a directory");
    let run = dir.path().join("run");
    fs::create_dir(&run).expect("made");
    fs::set_permissions(&run, fs::Permissions::from_mode(0o755)).expect("open");
    let refused = listen(&run.join("market.sock")).expect_err("others can enter").to_string();
    assert!(refused.contains("0755") && refused.contains("chmod 700"), "{refused}");
    fs::set_permissions(&run, fs::Permissions::from_mode(0o700)).expect("private");
    fs::write(run.join("market.sock"), "notes").expect("written");
    assert_eq!(listen(&run.join("market.sock")).expect_err("a file").kind(), ErrorKind::AlreadyExists);
    assert_eq!(fs::read_to_string(run.join("market.sock")).expect("still there"), "notes");
}
