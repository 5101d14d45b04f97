//! How a server tells the process that started it where it listens.

use std::io::Write as _;
use std::net::SocketAddr;

/// The first and only line on standard output.
pub(super) fn announce(addr: SocketAddr) -> std::io::Result<()> {
    let mut stdout = std::io::stdout();
    writeln!(stdout, "{}", addr.port())?;
    stdout.flush()
}
