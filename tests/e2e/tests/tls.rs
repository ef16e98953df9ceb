//! The adapter over TLS, as with the real venue: certificates of a test's own authority, a certificate that nobody vouches
//! for, and a proxy on the way.

#![allow(clippy::expect_used, clippy::panic, reason = "a test ends at what it does not expect")]

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use test_e2e::Mesh;
use test_e2e::mesh::free_address;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

/// An authority that signs certificates.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new(name: &str) -> Self {
        let mut parameters = CertificateParams::default();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.distinguished_name.push(DnType::CommonName, name);
        Self(CertifiedIssuer::self_signed(parameters, KeyPair::generate().expect("a key")).expect("signed"))
    }

    /// What a server of these names shows.
    fn server(&self, names: &[&str]) -> Arc<ServerConfig> {
        let key = KeyPair::generate().expect("a key");
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let certificate = CertificateParams::new(names).expect("names").signed_by(&key, &self.0).expect("signed");
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder().with_no_client_auth();
        Arc::new(config.with_single_cert(vec![certificate.der().clone()], key).expect("a certificate"))
    }
}

/// A TLS server in front of the simulated venue; with `proxy`, one that is reached through CONNECT.
struct Door {
    address: SocketAddr,
    shows: Arc<Mutex<Arc<ServerConfig>>>,
    cuts: watch::Sender<()>,
    asked: Arc<Mutex<Vec<String>>>,
    _runtime: Runtime,
}

impl Door {
    fn open(venue: String, config: Arc<ServerConfig>, proxy: bool) -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (cuts, cut) = watch::channel(());
        let shows = Arc::new(Mutex::new(config));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (shown, heard) = (Arc::clone(&shows), Arc::clone(&asked));
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (venue, heard, mut cut) = (venue.clone(), Arc::clone(&heard), cut.clone());
                let config = Arc::clone(&shown.lock().expect("whole"));
                cut.mark_unchanged();
                tokio::spawn(async move {
                    tokio::select! {
                        _ = cut.changed() => {}
                        () = pass(stream, &venue, config, proxy.then_some(&*heard)) => {}
                    }
                });
            }
        });
        Self { address, shows, cuts, asked, _runtime: runtime }
    }

    /// Shows another certificate from now on, and ends what there is.
    fn show(&self, config: Arc<ServerConfig>) {
        *self.shows.lock().expect("whole") = config;
        self.cuts.send_replace(());
    }
}

async fn pass(mut stream: TcpStream, venue: &str, config: Arc<ServerConfig>, heard: Option<&Mutex<Vec<String>>>) {
    if let Some(heard) = heard {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let Ok(byte) = stream.read_u8().await else { return };
            head.push(byte);
        }
        let head = String::from_utf8(head).expect("text");
        heard.lock().expect("whole").push(head.lines().next().unwrap_or_default().to_owned());
        stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.expect("written");
    }
    let Ok(mut client) = TlsAcceptor::from(config).accept(stream).await else { return };
    let Ok(mut venue) = TcpStream::connect(venue).await else { return };
    let _ = copy_bidirectional(&mut client, &mut venue).await;
}

/// A mesh whose adapter reaches its venue under these URLs, and trusts the authority.
fn mesh(venue: &str, authority: &Authority, urls: [&str; 2], proxy: Option<&str>) -> (Mesh, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder").keep();
    let roots = folder.join("roots.pem");
    std::fs::write(&roots, authority.0.pem()).expect("written");
    let roots = roots.to_str().expect("UTF-8");
    let mut environment = vec![
        ("ALPHAMESH__ADAPTER_BINANCE__REST_URL", urls[0]),
        ("ALPHAMESH__ADAPTER_BINANCE__STREAM_URL", urls[1]),
        ("ALPHAMESH__ADAPTER_BINANCE__EXTRA_CA_FILE", roots),
        ("NO_PROXY", ""),
        ("no_proxy", ""),
    ];
    environment.extend(proxy.map(|proxy| ("HTTPS_PROXY", proxy)));
    (Mesh::up_in(venue, &environment), folder)
}

fn sees_a_live_book(mesh: &Mesh) {
    mesh.wait("a trade over TLS", || !mesh.captured("trade").is_empty());
    mesh.wait("a live book over TLS", || {
        mesh.captured("book_snapshot").iter().any(|message| Mesh::body(message)["health"] == "live")
    });
}

#[test]
fn the_adapter_speaks_tls_and_refuses_a_certificate_that_nobody_vouches_for() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (trusted, stranger, venue) = (Authority::new("ours"), Authority::new("stranger"), free_address());
    let door = Door::open(venue.clone(), trusted.server(&["localhost"]), false);
    let port = door.address.port();
    let urls = [format!("https://localhost:{port}"), format!("wss://localhost:{port}")];
    let (mesh, folder) = mesh(&venue, &trusted, [&urls[0], &urls[1]], None);
    sees_a_live_book(&mesh);
    let log = || std::fs::read_to_string(mesh.home().join("logs/adapter-binance.log")).unwrap_or_default();
    for (shown, says) in [
        (stranger.server(&["localhost"]), "extra_ca_file"),
        (trusted.server(&["elsewhere.test"]), "the certificate is not one for this host"),
    ] {
        assert!(!log().contains(says));
        door.show(shown);
        mesh.wait("the adapter to say why it is not connected", || log().contains(says));
        mesh.wait("the adapter to be not ready", || mesh.process("adapter-binance")["state"] != "ready");
    }
    door.show(trusted.server(&["localhost"]));
    mesh.wait("the adapter to come back", || mesh.process("adapter-binance")["state"] == "ready");
    mesh.down();
    std::fs::remove_dir_all(folder).expect("removed");
}

#[test]
fn a_proxy_of_the_environment_is_on_the_way_of_streams_and_requests() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (authority, venue) = (Authority::new("ours"), free_address());
    let proxy = Door::open(venue.clone(), authority.server(&["venue.test"]), true);
    let url = format!("http://{}", proxy.address);
    let urls = ["https://venue.test", "wss://venue.test:9443"];
    let (mesh, folder) = mesh(&venue, &authority, urls, Some(&url));
    sees_a_live_book(&mesh);
    mesh.down();
    let asked = proxy.asked.lock().expect("whole").clone();
    for target in ["CONNECT venue.test:443 HTTP/1.1", "CONNECT venue.test:9443 HTTP/1.1"] {
        assert!(asked.iter().any(|line| line == target), "{target} in {asked:?}");
    }
    std::fs::remove_dir_all(folder).expect("removed");
}
