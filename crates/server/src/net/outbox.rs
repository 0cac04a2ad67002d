//! What waits for one connection's socket.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use metered_protocol::CloseCode;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use super::backlog::Backlog;
use crate::hub::Frame;
use crate::limits::exceeds;

/// How much is handed to a socket at a time, in bytes.
const BATCH_BYTES: usize = 64 * 1024;

/// How long a client gets to tell that it has read a frame that it reads alone, before the next one is sent anyway.
const READING_TIME: Duration = Duration::from_millis(25);

/// With so many frames waiting, none is kept waiting.
const HURRY: usize = 16;

/// A queue between whoever calls the hub and the one task that writes the socket, bounded in bytes.
///
/// Bytes count until they are written. A queue that is over its bound takes nothing more: the connection behind it
/// is too slow and has to go. As the bound is looked at before a frame is added, a single frame of any size passes.
#[derive(Debug)]
pub(super) struct Outbox {
    limit: usize,
    /// What waits for everyone, this queue included.
    backlog: Arc<Backlog>,
    queue: Mutex<Queue>,
    /// There is something to take.
    filled: Notify,
    /// The queue takes nothing any more.
    ended: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    /// Each with the moment it was added.
    frames: VecDeque<(Frame, Instant)>,
    /// Of the frames that wait and of the batch that is being written.
    bytes: usize,
    /// When the oldest frame of that batch was added.
    writing_since: Option<Instant>,
    /// Until when the client gets time to read what it was sent last.
    reading_until: Option<Instant>,
    /// How to close the socket, and when to stop trying to write what is left.
    end: Option<(End, Instant)>,
}

/// How to close the socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct End {
    pub(super) code: CloseCode,
    pub(super) reason: &'static str,
}

/// What the writing task shall do next.
#[derive(Debug)]
pub(super) enum Next {
    /// Write these frames, then say [`Outbox::written`].
    Write(Vec<Frame>),
    /// The same, and ping the client: it shall read the last of these frames alone, and nothing follows until
    /// [`Outbox::has_read`] is said or a moment has passed.
    WriteAndPing(Vec<Frame>),
    /// Close the socket: everything before has been taken.
    Close(End),
}

/// Why a queue takes nothing more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Full {
    /// It is over its own bound.
    Queue,
    /// All queues together are over theirs, and this one has more than its share.
    Memory,
}

impl Full {
    /// The words for the close frame.
    pub(super) fn reason(self) -> &'static str {
        match self {
            Self::Queue => "too slow: the outbound queue is full",
            Self::Memory => "too slow: the server is short of memory",
        }
    }
}

impl Outbox {
    /// An empty queue. A limit of 0 is no limit.
    pub(super) fn new(limit: usize, backlog: Arc<Backlog>) -> Self {
        backlog.enter();
        Self { limit, backlog, queue: Mutex::default(), filled: Notify::new(), ended: Notify::new() }
    }

    /// Adds a frame, now.
    pub(super) fn push(&self, frame: Frame, now: Instant) -> Result<(), Full> {
        let mut queue = self.lock();
        if exceeds(self.limit, queue.bytes) {
            return Err(Full::Queue);
        }
        if self.backlog.is_too_much(queue.bytes) {
            return Err(Full::Memory);
        }
        queue.bytes += frame.len();
        self.backlog.add(frame.len());
        queue.frames.push_back((frame, now));
        drop(queue);
        self.filled.notify_one();
        Ok(())
    }

    /// Closes the socket after what is in the queue, if that can be written within the given time.
    pub(super) fn close(&self, end: End, within: Duration) {
        self.lock().end = Some((end, Instant::now() + within));
        self.filled.notify_one();
        self.ended.notify_one();
    }

    /// Drops what is in the queue and closes the socket. Answers how many frames that were.
    pub(super) fn abandon(&self, end: End) -> usize {
        let dropped = self.drop_frames();
        self.close(end, Duration::ZERO);
        dropped
    }

    fn drop_frames(&self) -> usize {
        let mut queue = self.lock();
        let frames = std::mem::take(&mut queue.frames);
        let bytes = frames.iter().map(|(frame, _)| frame.len()).sum::<usize>().min(queue.bytes);
        queue.bytes -= bytes;
        self.backlog.remove(bytes);
        frames.len()
    }

    /// Waits for the next thing to do. Dropping the future loses nothing.
    pub(super) async fn next(&self) -> Next {
        loop {
            let wait = match self.lock().take(Instant::now()) {
                Ok(next) => return next,
                Err(wait) => wait,
            };
            match wait {
                Wait::ForFrames => self.filled.notified().await,
                Wait::Until(at) => {
                    tokio::select! {
                        () = sleep_until(at) => {}
                        () = self.filled.notified() => {}
                    }
                }
            }
        }
    }

    /// Waits until there is no point in writing on, and drops what is left. Answers how many frames that were.
    pub(super) async fn given_up(&self) -> usize {
        let until = loop {
            if let Some((_, until)) = self.lock().end {
                break until;
            }
            self.ended.notified().await;
        };
        sleep_until(until).await;
        self.drop_frames()
    }

    /// These bytes, the last batch, have been written. Answers how long its oldest frame has taken.
    pub(super) fn written(&self, bytes: usize) -> Duration {
        let mut queue = self.lock();
        let bytes = bytes.min(queue.bytes);
        queue.bytes -= bytes;
        self.backlog.remove(bytes);
        let since = queue.writing_since.take();
        drop(queue);
        since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// The client has answered a ping, so it has read what was written before.
    pub(super) fn has_read(&self) {
        if self.lock().reading_until.take().is_some() {
            self.filled.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        let bytes = self.lock().bytes;
        self.backlog.leave(bytes);
    }
}

/// Why there is nothing to take.
enum Wait {
    ForFrames,
    Until(Instant),
}

impl Queue {
    fn take(&mut self, now: Instant) -> Result<Next, Wait> {
        let unhurried = self.end.is_none() && self.frames.len() < HURRY;
        if let Some(at) = self.reading_until.filter(|at| unhurried && *at > now && !self.frames.is_empty()) {
            return Err(Wait::Until(at));
        }
        let mut batch = Vec::new();
        let mut bytes = 0;
        self.writing_since = self.frames.front().map(|(_, since)| *since);
        while bytes < BATCH_BYTES
            && let Some((frame, _)) = self.frames.pop_front()
        {
            bytes += frame.len();
            let read_alone = unhurried && frame.is_read_alone();
            batch.push(frame);
            if read_alone {
                self.reading_until = Some(now + READING_TIME);
                return Ok(Next::WriteAndPing(batch));
            }
        }
        match self.end {
            _ if !batch.is_empty() => Ok(Next::Write(batch)),
            Some((end, _)) => Ok(Next::Close(end)),
            None => Err(Wait::ForFrames),
        }
    }
}

#[cfg(test)]
mod tests {
    use metered_protocol::PeerId;

    use super::*;
    use crate::hub::{ConnId, Hub, Output, UnixMillis};
    use crate::{Identity, Limits};

    const END: End = End { code: CloseCode::GOING_AWAY, reason: "test" };

    /// A welcome, an ack and a snapshot.
    fn frames() -> [Frame; 3] {
        let mut hub = Hub::new(Limits::default());
        let identity = Identity::unrestricted(PeerId::parse("alice").unwrap());
        hub.connect(UnixMillis(0), ConnId(1), identity);
        let subscribe = r#"{"type":"subscribe","channel":"room","requestId":"1"}"#;
        hub.handle_frame(UnixMillis(0), ConnId(1), subscribe);
        std::array::from_fn(|_| match hub.poll_output() {
            Some(Output::Send { frame, .. }) => frame,
            other => panic!("no frame but {other:?}"),
        })
    }

    fn push(outbox: &Outbox, frame: Frame) -> Result<(), Full> {
        outbox.push(frame, Instant::now())
    }

    fn frame() -> Frame {
        let [frame, ..] = frames();
        frame
    }

    fn queue(limit: usize) -> Outbox {
        Outbox::new(limit, Arc::new(Backlog::new(0)))
    }

    async fn batch(outbox: &Outbox) -> usize {
        match outbox.next().await {
            Next::Write(frames) => frames.len(),
            other => panic!("no batch but {other:?}"),
        }
    }

    #[tokio::test]
    async fn bytes_count_until_they_are_written() {
        let (frame, length) = (frame(), frame().len());
        let outbox = queue(2 * length);
        for _ in 0..3 {
            assert_eq!(push(&outbox, frame.clone()), Ok(()), "what is queued before is within the bound");
        }
        assert_eq!(push(&outbox, frame.clone()), Err(Full::Queue));
        assert_eq!(batch(&outbox).await, 3);
        assert_eq!(push(&outbox, frame.clone()), Err(Full::Queue), "taken is not written");
        outbox.written(length);
        assert_eq!(push(&outbox, frame.clone()), Ok(()));
        assert_eq!(push(&outbox, frame), Err(Full::Queue));
    }

    #[tokio::test]
    async fn no_bound_is_no_bound() {
        let (outbox, frame) = (queue(0), frame());
        assert!((0..10_000).all(|_| push(&outbox, frame.clone()).is_ok()));
    }

    #[tokio::test]
    async fn when_memory_is_short_only_those_who_have_more_waiting_than_others_are_full() {
        let (frame, length) = (frame(), frame().len());
        let backlog = Arc::new(Backlog::new(10 * length));
        let [slow, quick] = std::array::from_fn(|_| Outbox::new(0, backlog.clone()));
        for _ in 0..11 {
            assert_eq!(push(&slow, frame.clone()), Ok(()));
        }
        assert_eq!(push(&slow, frame.clone()), Err(Full::Memory));
        assert_eq!(push(&quick, frame.clone()), Ok(()));
        assert_eq!(backlog.bytes(), 12 * length);
        slow.abandon(END);
        assert_eq!(backlog.bytes(), length, "what is abandoned takes no memory");
        assert_eq!(push(&quick, frame), Ok(()));
        drop(quick);
        assert_eq!(backlog.bytes(), 0, "and neither does what is gone");
    }

    #[tokio::test]
    async fn a_batch_is_bounded_and_the_close_comes_last() {
        let (outbox, frame) = (queue(0), frame());
        let count = 2 * BATCH_BYTES / frame.len();
        for _ in 0..count {
            push(&outbox, frame.clone()).unwrap();
        }
        outbox.close(END, Duration::from_secs(1));
        let first = batch(&outbox).await;
        assert!(first < count && first * frame.len() < BATCH_BYTES + frame.len());
        let mut taken = first;
        while taken < count {
            taken += batch(&outbox).await;
        }
        assert!(matches!(outbox.next().await, Next::Close(END)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_gets_to_read_the_ack_of_a_subscribe_before_the_snapshot_follows() {
        let [welcome, ack, snapshot] = frames();
        let outbox = queue(0);
        let subscribe = || {
            for frame in [&welcome, &ack, &snapshot] {
                push(&outbox, frame.clone()).unwrap();
            }
        };
        subscribe();
        let begun = Instant::now();
        assert!(matches!(outbox.next().await, Next::WriteAndPing(frames) if frames.len() == 2));
        outbox.has_read();
        assert_eq!((batch(&outbox).await, begun.elapsed()), (1, Duration::ZERO));

        subscribe();
        assert!(matches!(outbox.next().await, Next::WriteAndPing(_)));
        assert_eq!(batch(&outbox).await, 1);
        assert!(begun.elapsed() >= READING_TIME, "one that answers no ping waits a moment");
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_waits_when_there_is_a_hurry_or_an_end() {
        let [_, ack, snapshot] = frames();
        let (outbox, begun) = (queue(0), Instant::now());
        for _ in 0..HURRY {
            push(&outbox, ack.clone()).unwrap();
        }
        assert_eq!(batch(&outbox).await, HURRY);
        push(&outbox, ack.clone()).unwrap();
        assert!(matches!(outbox.next().await, Next::WriteAndPing(_)));
        push(&outbox, snapshot).unwrap();
        outbox.close(END, Duration::from_secs(1));
        assert_eq!(batch(&outbox).await, 1);
        assert_eq!(begun.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_queue_that_is_closed_is_given_up_when_its_time_is_over_and_an_abandoned_one_at_once() {
        let (outbox, begun) = (queue(0), Instant::now());
        push(&outbox, frame()).unwrap();
        outbox.close(END, Duration::from_secs(1));
        outbox.given_up().await;
        assert_eq!(begun.elapsed().as_millis(), 1000);
        assert!(matches!(outbox.next().await, Next::Close(END)));

        let outbox = queue(0);
        push(&outbox, frame()).unwrap();
        outbox.abandon(END);
        outbox.given_up().await;
        assert!(begun.elapsed().as_millis() <= 1001);
        assert!(matches!(outbox.next().await, Next::Close(END)));
    }

    #[tokio::test(start_paused = true)]
    async fn it_tells_how_long_the_oldest_frame_of_a_batch_took_to_be_written() {
        let (outbox, frame) = (queue(0), frame());
        push(&outbox, frame.clone()).unwrap();
        tokio::time::advance(Duration::from_millis(10)).await;
        push(&outbox, frame.clone()).unwrap();
        assert_eq!(batch(&outbox).await, 2);
        push(&outbox, frame.clone()).unwrap();
        tokio::time::advance(Duration::from_millis(5)).await;
        assert_eq!(outbox.written(2 * frame.len()).as_millis(), 15);
        assert_eq!(outbox.backlog.bytes(), frame.len());
        assert_eq!(batch(&outbox).await, 1);
        assert_eq!(
            outbox.written(frame.len()).as_millis(),
            5,
            "the next batch is measured by its own frames"
        );
    }

    #[tokio::test]
    async fn frames_that_are_dropped_are_counted() {
        let outbox = queue(0);
        for _ in 0..3 {
            push(&outbox, frame()).unwrap();
        }
        assert_eq!((outbox.abandon(END), outbox.backlog.bytes()), (3, 0));
    }
}
