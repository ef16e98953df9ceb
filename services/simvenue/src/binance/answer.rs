//! Requests and answers over HTTP, without a socket.

use mesh_venues::binance::server::Refusal;

/// A request.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Method, upper case.
    pub method: &'a str,
    /// Path with its leading slash.
    pub path: &'a str,
    /// Query as it came, without `?`.
    pub query: &'a str,
    /// Body.
    pub body: &'a str,
    /// The API key header.
    pub api_key: Option<&'a str>,
    /// The venue's clock, ns since the Unix epoch.
    pub now_ns: u64,
}

/// An answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status; 0 where nothing is answered at all.
    pub status: u16,
    /// Headers beside the usual ones.
    pub headers: Vec<(&'static str, String)>,
    /// True for a proxy's HTML.
    pub html: bool,
    /// Body.
    pub body: String,
}

impl Answer {
    /// A good answer.
    pub fn ok(body: String) -> Self {
        Self { status: 200, body, ..Self::default() }
    }

    /// No answer: the client waits until it gives up.
    pub fn never() -> Self {
        Self::default()
    }

    /// An error of the proxy before the venue.
    pub fn bad_gateway() -> Self {
        let body = "<html><head><title>502 Bad Gateway</title></head><body>502 Bad Gateway</body></html>";
        Self { status: 502, html: true, body: body.to_owned(), ..Self::default() }
    }

    /// The same with one header more.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.headers.push((name, value.to_string()));
        self
    }
}

impl From<Refusal> for Answer {
    fn from(refusal: Refusal) -> Self {
        Self { status: refusal.status, body: refusal.body(), ..Self::default() }
    }
}
