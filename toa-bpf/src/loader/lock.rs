//! The loaders' lock, waited for a bounded time.

use std::fs::{File, TryLockError};
use std::io;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Much longer than a loader works.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);
const BETWEEN_TRIES: Duration = Duration::from_millis(20);

/// Locks `file` for this process alone; `false` if another one has not given it back in time.
pub(super) fn lock_within(file: &File, patience: Duration) -> io::Result<bool> {
    let start = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(true),
            Err(TryLockError::Error(error)) => return Err(error),
            Err(TryLockError::WouldBlock) if start.elapsed() >= patience => return Ok(false),
            Err(TryLockError::WouldBlock) => sleep(BETWEEN_TRIES),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_that_another_holds_is_waited_for_and_then_given_up() {
        let path = std::env::temp_dir().join(format!("toa-lock-{}", std::process::id()));
        let (held, wanted) = (File::create(&path).unwrap(), File::open(&path).unwrap());
        std::fs::remove_file(&path).unwrap();
        assert!(lock_within(&held, Duration::ZERO).unwrap());
        assert!(!lock_within(&wanted, 2 * BETWEEN_TRIES).unwrap());
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| lock_within(&wanted, PATIENCE).unwrap());
            held.unlock().unwrap();
            assert!(waiting.join().unwrap());
        });
    }
}
