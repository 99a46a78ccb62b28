//! What a connection does, and when it must end: it is silent, too slow, or blocks others.
//!
//! hyper has a time limit for the head of an HTTP/1 request and nothing else. An idle HTTP/2 connection, or a download
//! whose client does not read, would hold one of `http.max_connections` for ever.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::Version;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::answer_body::InProgress;
use super::buffers::ConnectionBuffers;
use super::settings::HttpSettings;

/// How long a client has to disconnect after it was told that the connection closes.
const LEAVE_WITHIN: Duration = Duration::from_secs(1);

/// What a connection does. The connection's own task writes it; `Room` reads it when it needs a place.
pub(super) struct Activity {
    opened: Instant,
    /// Requests whose answer the client has not received completely.
    requests: AtomicUsize,
    has_served: AtomicBool,
    is_http2: AtomicBool,
    /// When the last request ended, in microseconds after `opened`.
    quiet_since: AtomicU64,
    /// When the first byte of the next request came, in microseconds after `opened`, plus one; 0 for none.
    heard_at: AtomicU64,
    /// Answers with a piece in flight that the client has not made room for.
    waiting: AtomicUsize,
    /// Whether the socket takes no more bytes for now.
    is_blocked: AtomicBool,
    written: AtomicU64,
    /// Set when another connection needs the place.
    leave: AtomicBool,
    /// Set when it needs it more, whatever is in flight here.
    go: AtomicBool,
    leaving: Notify,
    /// What it holds for its client.
    pub(super) buffers: Arc<ConnectionBuffers>,
}

impl Activity {
    /// A connection that was opened just now.
    pub(super) fn begin(buffers: Arc<ConnectionBuffers>) -> Arc<Self> {
        Arc::new(Activity {
            opened: Instant::now(),
            requests: AtomicUsize::new(0),
            has_served: AtomicBool::new(false),
            is_http2: AtomicBool::new(false),
            quiet_since: AtomicU64::new(0),
            heard_at: AtomicU64::new(0),
            waiting: AtomicUsize::new(0),
            is_blocked: AtomicBool::new(false),
            written: AtomicU64::new(0),
            leave: AtomicBool::new(false),
            go: AtomicBool::new(false),
            leaving: Notify::new(),
            buffers,
        })
    }

    fn now(&self) -> u64 {
        u64::try_from(self.opened.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// A request begins.
    pub(super) fn request(self: &Arc<Self>, version: Version) -> InProgress {
        if version == Version::HTTP_2 {
            self.is_http2.store(true, Ordering::Relaxed);
        }
        self.has_served.store(true, Ordering::Relaxed);
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.buffers.end_head();
        InProgress::new(self)
    }

    /// A request ends.
    pub(super) fn request_ends(&self) {
        // Before the count: a count of zero means that these values are valid.
        self.quiet_since.store(self.now(), Ordering::Relaxed);
        self.heard_at.store(0, Ordering::Relaxed);
        self.requests.fetch_sub(1, Ordering::Relaxed);
    }

    /// An answer has a piece in flight.
    pub(super) fn begins_to_wait(&self) {
        self.waiting.fetch_add(1, Ordering::Relaxed);
    }

    /// The client has made room for it.
    pub(super) fn ends_to_wait(&self) {
        self.waiting.fetch_sub(1, Ordering::Relaxed);
    }

    /// Whether no request or answer is in flight.
    pub(super) fn is_quiet(&self) -> bool {
        self.requests.load(Ordering::Relaxed) == 0 && !self.is_blocked.load(Ordering::Relaxed)
    }

    /// When the connection became quiet; `None` while a request is in progress or may have begun to arrive.
    pub(super) fn at_rest_since(&self) -> Option<Instant> {
        // HTTP/2 sends frames that do not begin a request.
        let hears = self.heard_at.load(Ordering::Relaxed) != 0 && !self.is_http2.load(Ordering::Relaxed);
        let rests = self.is_quiet() && !hears && !self.leave.load(Ordering::Relaxed);
        rests.then(|| self.after(self.quiet_since.load(Ordering::Relaxed)))
    }

    /// Asks the connection to end; it does if it is still quiet.
    pub(super) fn ask_to_leave(&self) {
        self.leave.store(true, Ordering::Relaxed);
        self.leaving.notify_one();
    }

    /// Ends the connection, whatever is in flight.
    pub(super) fn close_now(&self) {
        self.go.store(true, Ordering::Relaxed);
        self.ask_to_leave();
    }

    /// Whether it was asked, and has neither ended nor begun another request.
    pub(super) fn is_asked_to_leave(&self) -> bool {
        self.leave.load(Ordering::Relaxed)
    }

    /// Completes once another connection needs the place, and nothing is in flight or it has to go.
    pub(super) async fn has_to_leave(&self) {
        loop {
            self.leaving.notified().await;
            if self.is_quiet() || self.go.load(Ordering::Relaxed) {
                return;
            }
            self.leave.store(false, Ordering::Relaxed);
        }
    }

    fn after(&self, microseconds: u64) -> Instant {
        self.opened + Duration::from_micros(microseconds)
    }

    fn reads(&self, bytes: usize) {
        if self.requests.load(Ordering::Relaxed) > 0 {
            return;
        }
        if self.heard_at.load(Ordering::Relaxed) == 0 {
            self.heard_at.store(self.now() + 1, Ordering::Relaxed);
        }
        if !self.is_http2.load(Ordering::Relaxed) {
            self.buffers.receive_head(bytes);
        }
    }

    fn writes(&self, bytes: usize) {
        self.written.fetch_add(bytes as u64, Ordering::Relaxed);
        self.buffers.write(bytes);
        if self.is_blocked.swap(false, Ordering::Relaxed) && self.requests.load(Ordering::Relaxed) == 0 {
            self.quiet_since.store(self.now(), Ordering::Relaxed);
        }
    }
}

/// A socket that notes the traffic through it.
pub(super) struct Metered {
    stream: TcpStream,
    activity: Arc<Activity>,
}

impl Metered {
    pub(super) fn new(stream: TcpStream, activity: Arc<Activity>) -> Self {
        Metered { stream, activity }
    }

    fn note(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match &written {
            Poll::Ready(Ok(bytes)) => self.activity.writes(*bytes),
            Poll::Ready(Err(_)) => {}
            Poll::Pending => self.activity.is_blocked.store(true, Ordering::Relaxed),
        }
        written
    }
}

impl AsyncRead for Metered {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = ready!(Pin::new(&mut self.stream).poll_read(cx, buffer));
        let came = buffer.filled().len() - before;
        if came > 0 {
            self.activity.reads(came);
        }
        Poll::Ready(read)
    }
}

impl AsyncWrite for Metered {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.note(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bytes);
        self.note(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// Why a connection ends.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum End {
    /// It was silent for `http.idle_timeout`: it is notified, and may end by itself.
    Idle,
    /// It exceeded a time limit.
    Overdue,
}

/// Checks a connection now and then, and says when it has to end.
pub(super) struct ConnectionWatch {
    activity: Arc<Activity>,
    header_timeout: Duration,
    idle_timeout: Duration,
    pace_window: Duration,
    /// The least bytes in a window while the client keeps an answer waiting.
    least: u64,
    /// Since when the client keeps an answer waiting, and how many bytes were written by then.
    slow: Option<(Instant, u64)>,
    /// The deadline by which it may leave by itself.
    leaves_by: Option<Instant>,
}

impl ConnectionWatch {
    pub(super) fn new(activity: &Arc<Activity>, settings: &HttpSettings) -> Self {
        ConnectionWatch {
            activity: Arc::clone(activity),
            header_timeout: settings.header_timeout,
            idle_timeout: settings.idle_timeout,
            pace_window: settings.pace_window,
            least: settings.least_in_a_window(),
            slow: None,
            leaves_by: None,
        }
    }

    /// Completes when the connection has to end; called again after [`End::Idle`].
    pub(super) async fn end(&mut self) -> End {
        loop {
            let now = Instant::now();
            match self.look(now) {
                Ok(end) => return end,
                Err(again) => tokio::time::sleep_until(again).await,
            }
        }
    }

    /// How the connection has to end now, or when to check again.
    fn look(&mut self, now: Instant) -> Result<End, Instant> {
        if !self.activity.is_quiet() {
            self.leaves_by = None;
            return self.look_at_answers(now);
        }
        self.slow = None;
        if let Some(until) = self.leaves_by {
            return if now >= until { Ok(End::Overdue) } else { Err(until) };
        }
        let activity = &self.activity;
        let heard_at = activity.heard_at.load(Ordering::Relaxed);
        let head = match heard_at {
            // The first request has its time from the opening of the connection, which covers half an HTTP/2 preface.
            _ if !activity.has_served.load(Ordering::Relaxed) => Some(activity.opened),
            0 => None,
            _ if activity.is_http2.load(Ordering::Relaxed) => None,
            at => Some(activity.after(at - 1)),
        };
        let (until, end) = match head {
            Some(since) => (since + self.header_timeout, End::Overdue),
            None => {
                let since = activity.after(activity.quiet_since.load(Ordering::Relaxed));
                (since + self.idle_timeout, End::Idle)
            }
        };
        if now < until {
            // A head may begin in the meantime.
            return Err(until.min(now + self.header_timeout / 4));
        }
        if end == End::Idle {
            self.leaves_by = Some(now + LEAVE_WITHIN);
        }
        Ok(end)
    }

    fn look_at_answers(&mut self, now: Instant) -> Result<End, Instant> {
        let again = now + self.pace_window / 4;
        let is_slow = self.activity.is_blocked.load(Ordering::Relaxed)
            || self.activity.waiting.load(Ordering::Relaxed) > 0;
        let written = self.activity.written.load(Ordering::Relaxed);
        self.slow = match self.slow.filter(|_| is_slow) {
            None => is_slow.then_some((now, written)),
            Some((since, before)) if now - since < self.pace_window => Some((since, before)),
            Some((_, before)) if written - before < self.least => return Ok(End::Overdue),
            Some(_) => Some((now, written)),
        };
        Err(again)
    }
}
