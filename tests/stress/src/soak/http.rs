//! The little HTTP that one request takes.

use std::net::SocketAddr;

use toa_core::to_canonical;

/// A response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) body: String,
}

/// Asks for the client; on the last request of a connection the server is asked to close.
pub(crate) fn request(last: bool) -> &'static [u8] {
    if last {
        b"GET /client HTTP/1.1\r\nHost: soak\r\nConnection: close\r\n\r\n"
    } else {
        b"GET /client HTTP/1.1\r\nHost: soak\r\n\r\n"
    }
}

/// The last request of a connection, so many bytes long.
pub(crate) fn long_request(len: usize) -> Vec<u8> {
    let (head, end) = (request(true), b"\r\n");
    let head = &head[..head.len() - end.len()];
    let fill = len - head.len() - b"X: \r\n".len() - end.len();
    [head, b"X: ", &vec![b'x'; fill], end, end].concat()
}

/// Takes one response from the front of what was received; `None` until it is whole.
///
/// # Errors
/// When this is no HTTP.
pub(crate) fn take_response(received: &mut Vec<u8>) -> Result<Option<Response>, String> {
    let invalid = || format!("no HTTP response: {:?}", String::from_utf8_lossy(received));
    let Some(end) = received.windows(4).position(|four| four == b"\r\n\r\n") else {
        return Ok(None);
    };
    let head = std::str::from_utf8(&received[..end]).map_err(|_| invalid())?;
    let mut lines = head.split("\r\n");
    let status = lines
        .next()
        .and_then(|line| line.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok())
        .ok_or_else(invalid)?;
    let length = lines
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .map_or(Ok(0), |(_, value)| value.trim().parse::<usize>())
        .map_err(|_| invalid())?;
    let Some(body) = received.get(end + 4..end + 4 + length) else {
        return Ok(None);
    };
    let body = String::from_utf8_lossy(body).into_owned();
    received.drain(..end + 4 + length);
    Ok(Some(Response { status, body }))
}

impl Response {
    /// The client that the body names, IPv4 as such.
    ///
    /// # Errors
    /// When it names none.
    pub(crate) fn client(&self) -> Result<SocketAddr, String> {
        match self.body.parse() {
            Ok(SocketAddr::V6(client)) => Ok(to_canonical(client)),
            Ok(client) => Ok(client),
            Err(_) => Err(format!("the body is {:?}", self.body)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_is_taken_when_it_is_whole() {
        let whole = b"HTTP/1.1 200 OK\r\nContent-Length: 22\r\n\r\n[::ffff:11.0.0.7]:1031HTTP";
        for len in 0..whole.len() - 4 {
            let mut part = whole[..len].to_vec();
            assert_eq!(take_response(&mut part), Ok(None), "{len} bytes");
        }
        let mut received = whole.to_vec();
        let response = take_response(&mut received).unwrap().unwrap();
        assert_eq!(response.status, 200);
        assert_eq!(response.client(), Ok("11.0.0.7:1031".parse().unwrap()));
        assert_eq!(received, b"HTTP");
        assert!(take_response(&mut b"SSH-2.0\r\n\r\n".to_vec()).is_err());
    }
}
