//! Clients: threads that block, over loopback.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use socket2::SockRef;

/// How many at a time: enough that there is always one waiting.
const CLIENTS: usize = 8;
const TIMEOUT: Duration = Duration::from_secs(20);

/// What clients send.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// Before HTTP: a PROXY header.
    prefix: Vec<u8>,
    path: &'static str,
    header: &'static str,
}

impl Request {
    pub(crate) fn get(path: &'static str) -> Self {
        Self {
            prefix: Vec::new(),
            path,
            header: "",
        }
    }

    /// With a line among the headers.
    pub(crate) fn with_header(mut self, header: &'static str) -> Self {
        self.header = header;
        self
    }

    /// With bytes before the first request of a connection.
    pub(crate) fn with_prefix(mut self, prefix: Vec<u8>) -> Self {
        self.prefix = prefix;
        self
    }

    fn text(&self, connection: &str) -> Vec<u8> {
        let Self { path, header, .. } = self;
        let end = if header.is_empty() { "" } else { "\r\n" };
        format!(
            "GET {path} HTTP/1.1\r\nHost: bench\r\n{header}{end}Connection: {connection}\r\n\r\n"
        )
        .into_bytes()
    }

    fn only(&self) -> Vec<u8> {
        [self.prefix.clone(), self.text("close")].concat()
    }
}

/// One connection with one request; the answer.
pub(crate) fn ask(to: SocketAddr, request: &Request) -> anyhow::Result<String> {
    let answer = one_connection(to, &request.only(), &mut Vec::new())?.to_vec();
    Ok(String::from_utf8(answer)?)
}

/// `count` connections, one after the other.
pub(crate) fn connections(to: SocketAddr, request: &Request, count: u32) -> anyhow::Result<()> {
    let request = request.only();
    let mut buffer = Vec::new();
    for _ in 0..count {
        one_connection(to, &request, &mut buffer)?;
    }
    Ok(())
}

/// As many connections as can be made in about `duration`, with one request each.
pub(crate) fn new_connections(
    to: SocketAddr,
    request: &Request,
    duration: Duration,
) -> anyhow::Result<Done> {
    let request = request.only();
    at_once(duration, |end| {
        let mut buffer = Vec::new();
        let mut count = 0;
        while Instant::now() < end {
            one_connection(to, &request, &mut buffer)?;
            count += 1;
        }
        Ok(count)
    })
}

/// As many requests as can be made on connections that stay open.
pub(crate) fn requests(
    to: SocketAddr,
    request: &Request,
    duration: Duration,
) -> anyhow::Result<Done> {
    let text = request.text("keep-alive");
    at_once(duration, |end| {
        let mut stream = TcpStream::connect(to)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        let first = [&request.prefix[..], &text].concat();
        stream.write_all(&first)?;
        let mut buffer = vec![0; 4096];
        let len = stream.read(&mut buffer)?;
        check(&buffer[..len])?;
        ensure!(buffer[..len].ends_with(b"ok"), "an answer in pieces");
        let mut count = 0;
        while Instant::now() < end {
            stream.write_all(&text)?;
            // The answers are of one length, as their dates are.
            stream.read_exact(&mut buffer[..len])?;
            count += 1;
        }
        SockRef::from(&stream).set_linger(Some(Duration::ZERO))?;
        Ok(count)
    })
}

/// How many, and in what time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Done {
    pub(crate) count: u32,
    pub(crate) time: Duration,
}

fn at_once(
    duration: Duration,
    client: impl Fn(Instant) -> anyhow::Result<u32> + Sync,
) -> anyhow::Result<Done> {
    let start = Instant::now();
    let end = start + duration;
    let count = thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(|| client(end))).collect();
        let mut total = 0;
        for client in clients {
            total += client
                .join()
                .map_err(|_| anyhow::anyhow!("a client panicked"))??;
        }
        anyhow::Ok(total)
    })?;
    Ok(Done {
        count,
        time: start.elapsed(),
    })
}

/// The whole answer to the request of one connection, which the server closes.
fn one_connection<'b>(
    to: SocketAddr,
    request: &[u8],
    buffer: &'b mut Vec<u8>,
) -> anyhow::Result<&'b [u8]> {
    let mut stream = TcpStream::connect(to).context("cannot connect")?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.write_all(request)?;
    buffer.clear();
    stream.read_to_end(buffer)?;
    check(buffer)?;
    // The server has closed already; a reset leaves nothing in TIME_WAIT.
    SockRef::from(&stream).set_linger(Some(Duration::ZERO))?;
    Ok(buffer)
}

fn check(answer: &[u8]) -> anyhow::Result<()> {
    ensure!(
        answer.starts_with(b"HTTP/1.1 200 OK\r\n"),
        "the server answers {:?}",
        String::from_utf8_lossy(answer)
    );
    Ok(())
}
