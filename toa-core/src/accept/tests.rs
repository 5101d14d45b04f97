//! The accept loop against a kernel that fails from a script.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use tokio::time::Instant;

use super::*;

/// Each errno that Linux has.
const ERRNOS: std::ops::RangeInclusive<i32> = 1..=133;

fn errno(code: i32) -> io::Error {
    io::Error::from_raw_os_error(code)
}

/// Accepts against a script of errnos, 0 for a connection; returns what
/// came of it and how many calls were left.
async fn accept_script(script: &[i32]) -> (io::Result<()>, usize) {
    let mut script: VecDeque<i32> = script.iter().copied().collect();
    let outcome = Accepting::default()
        .next(|| {
            let next = script
                .pop_front()
                .expect("accept() called beyond the script");
            async move { if next == 0 { Ok(()) } else { Err(errno(next)) } }
        })
        .await;
    (outcome, script.len())
}

#[tokio::test(start_paused = true)]
async fn every_errno_is_passed_over_waited_out_or_returned_as_the_table_says() {
    for code in ERRNOS {
        let start = Instant::now();
        let (outcome, left) = accept_script(&[code, code, 0]).await;
        let waited = start.elapsed();
        match action(&errno(code)) {
            AcceptErrorAction::Retry => {
                assert!(outcome.is_ok() && left == 0, "errno {code}");
                assert_eq!(waited, Duration::ZERO, "errno {code}");
            }
            AcceptErrorAction::BackOff => {
                assert!(outcome.is_ok() && left == 0, "errno {code}");
                // The timer counts in milliseconds and rounds up.
                assert_eq!(waited.as_millis() / 2, BACK_OFF.as_millis(), "errno {code}");
            }
            AcceptErrorAction::Fail => {
                assert_eq!(outcome.unwrap_err().raw_os_error(), Some(code));
                assert_eq!((left, waited), (2, Duration::ZERO), "errno {code}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn no_errno_that_never_ends_keeps_other_tasks_from_running() {
    for code in ERRNOS.filter(|&code| action(&errno(code)) != AcceptErrorAction::Fail) {
        let (calls, start) = (Cell::new(0), Instant::now());
        let accepting = Accepting::default();
        let endless = accepting.next(|| {
            calls.set(calls.get() + 1);
            let bound = u128::from(LOST_IN_A_ROW) * (1 + start.elapsed().as_millis());
            assert!(calls.get() <= bound, "errno {code}: it spins");
            async move { Err::<(), _>(errno(code)) }
        });
        let another_task = async {
            for _ in 0..3 {
                tokio::time::sleep(BACK_OFF).await;
            }
        };
        tokio::select! {
            biased;
            outcome = endless => panic!("errno {code}: {outcome:?}"),
            () = another_task => {}
        }
        assert!(calls.get() > 2, "errno {code}: it gave up");
    }
}

/// What is accepted, with errors in between.
const QUEUE: [Result<u32, i32>; 6] = [
    Err(libc::ECONNABORTED),
    Ok(1),
    Err(libc::EMFILE),
    Ok(2),
    Ok(3),
    Err(libc::EPROTO),
];

#[tokio::test(start_paused = true)]
async fn whichever_poll_is_the_last_before_it_is_cancelled_no_connection_is_lost() {
    for polls in 2..12 {
        let queue: RefCell<VecDeque<_>> =
            RefCell::new([&QUEUE[..], &QUEUE, &[Ok(4)]].concat().into());
        let accepting = Accepting::default();
        let mut accepted = Vec::new();
        while !queue.borrow().is_empty() {
            // Ready with the second poll, as behind a wakeup; taken in that same poll.
            let accept = || {
                let (mut asked, queue) = (false, &queue);
                poll_fn(move |cx| {
                    if !std::mem::replace(&mut asked, true) {
                        cx.waker().wake_by_ref();
                        return Poll::Pending;
                    }
                    let next = queue
                        .borrow_mut()
                        .pop_front()
                        .expect("asked once too often");
                    Poll::Ready(next.map_err(errno))
                })
            };
            let mut next = pin!(accepting.next(accept));
            let mut left = polls;
            let outcome = poll_fn(|cx| {
                left -= 1;
                match next.as_mut().poll(cx) {
                    Poll::Pending if left == 0 => Poll::Ready(None),
                    polled => polled.map(Some),
                }
            });
            if let Some(connection) = outcome.await {
                accepted.push(connection.unwrap());
            }
        }
        assert_eq!(
            accepted,
            [1, 2, 3, 1, 2, 3, 4],
            "dropped after {polls} polls"
        );
    }
}

thread_local! {
    /// Events above debug of this thread.
    static LOUD: Cell<u32> = const { Cell::new(0) };
}

/// Counts them. For the whole process: subscribers of single threads that come and go would
/// miss events, as `tracing` keeps for all threads which events anybody wants.
struct CountLoud;

impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for CountLoud {
    fn on_event(&self, event: &tracing::Event<'_>, _: tracing_subscriber::layer::Context<'_, S>) {
        if *event.metadata().level() < tracing::Level::DEBUG {
            LOUD.set(LOUD.get() + 1);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_episode_of_exhaustion_is_logged_once_however_often_accept_is_cancelled() {
    use tracing_subscriber::layer::SubscriberExt;
    let subscriber = tracing_subscriber::registry().with(CountLoud);
    tracing::subscriber::set_global_default(subscriber).expect("no other test sets one");
    let accepting = Accepting::default();
    for episode in 1..3 {
        for _ in 0..5 {
            let mut next = pin!(accepting.next(|| async { Err::<(), _>(errno(libc::EMFILE)) }));
            let polled = next.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            assert!(polled.is_pending());
        }
        assert_eq!(LOUD.get(), episode);
        accepting.next(|| async { Ok(()) }).await.unwrap();
    }
}

#[test]
fn every_errno_has_its_action() {
    for errno in 1..134 {
        let expected = match errno {
            libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM => {
                AcceptErrorAction::BackOff
            }
            libc::EOPNOTSUPP => AcceptErrorAction::BackOff,
            libc::EBADF | libc::EFAULT | libc::EINVAL | libc::ENOTSOCK => AcceptErrorAction::Fail,
            _ => AcceptErrorAction::Retry,
        };
        assert_eq!(
            action(&io::Error::from_raw_os_error(errno)),
            expected,
            "errno {errno}"
        );
    }
}
