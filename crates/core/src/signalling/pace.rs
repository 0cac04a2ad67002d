//! How fast signals leave.
//!
//! Who comes into a room of fifty has some three hundred signals to send, and servers close a connection (4011)
//! that sends more than two hundred frames at once or a hundred a second. It would come back, have everything to
//! send again, and be closed again, for ever. So signals leave at a pace that stays below and leaves room for what
//! the application sends; in a small room nothing waits. Descriptions go before candidates, because an answer is
//! awaited and the rest of the connection hangs on it.
//!
//! A candidate whose description waits travels in it: that is one signal less, and one step less for the other side. Where
//! there is much to say, from [`MANY_SIGNALS`] on, a description waits for that: until shortly after the first candidate,
//! which may take [`FIRST_GATHERED_MS`]. In a room of two none does.
//!
//! A signal counts as delivered when the server has answered it. Where a session can be resumed, signals that were not,
//! and those made during the gap, leave again when it is: a receiver takes a repeated signal for what it is.

use metered_protocol::{PeerId, SdpType, Signal};

use crate::Instant;
use crate::limits::{
    FIRST_GATHERED_MS, GATHERED_SDP_BYTES, GATHERING_MS, MANY_SIGNALS, SIGNAL_BURST, SIGNAL_PAUSE_MS,
    SIGNALS_PER_SECOND, UNANSWERED_SIGNALS, WAITING_SIGNALS,
};
use crate::output::JsonText;
use crate::queue::Queue;
use crate::signalling::requests::Number;

pub(super) type Addressed = (PeerId, Signal<JsonText>);

#[derive(Debug)]
struct Waiting {
    to: PeerId,
    signal: Signal<JsonText>,
    /// Whether it is a description that takes in candidates.
    gathers: bool,
    /// Until when it waits for them.
    until: Instant,
}

impl Waiting {
    fn new((to, signal): Addressed) -> Self {
        Self { to, signal, gathers: false, until: Instant(0) }
    }
}

#[derive(Debug)]
pub(super) struct Pace {
    /// Thousandths of a signal that may leave now, as of `filled`.
    allowance: u64,
    filled: Instant,
    descriptions: Queue<Waiting>,
    candidates: Queue<Waiting>,
    /// Left, and not answered yet; with what is to leave again if it gets lost.
    unanswered: Vec<(Number, Option<Addressed>)>,
}

impl Pace {
    pub(super) const fn new() -> Self {
        Self {
            allowance: 0,
            filled: Instant(0),
            descriptions: Queue::new(),
            candidates: Queue::new(),
            unanswered: Vec::new(),
        }
    }

    /// A connection begins.
    pub(super) fn start(&mut self, now: Instant) {
        (self.allowance, self.filled) = (SIGNAL_BURST * 1000, now);
    }

    /// The connection ended: what it may have lost is to leave again, before everything else.
    pub(super) fn interrupt(&mut self) {
        let lost = std::mem::take(&mut self.unanswered);
        for again in lost.into_iter().rev().filter_map(|(_, again)| again) {
            self.queue(&again.1).push_front(Waiting::new(again));
        }
    }

    /// A signal leaves by this request, and may be to leave again if it gets lost.
    pub(super) fn leaves(&mut self, request: Number, again: Option<Addressed>) {
        self.unanswered.push((request, again));
    }

    /// The server has answered a request. A socket keeps the order, so what left before has arrived too.
    pub(super) fn answered(&mut self, request: Number) {
        self.unanswered.retain(|(number, _)| *number > request);
    }

    /// A request was not answered in time. Its socket may be dead, which is found out later: then it is to leave again.
    /// Not so if the server seems to answer none, for it shall not hold up the rest for ever.
    pub(super) fn overdue(&mut self, request: Number) {
        if self.unanswered.len() >= UNANSWERED_SIGNALS {
            self.answered(request);
        }
    }

    /// Takes a signal in. Answers whether there was room. A description that `gathers` takes in the candidates that follow.
    pub(super) fn push(&mut self, now: Instant, to: PeerId, signal: Signal<JsonText>, gathers: bool) -> bool {
        if let Signal::Candidate(Some(candidate)) = &signal
            && let Some(waiting) = self.descriptions.latest(|waiting| waiting.to == to)
            && waiting.gathers
            && let Signal::Description(description) = &mut waiting.signal
            && description.take_in(candidate, GATHERED_SDP_BYTES)
        {
            waiting.until = waiting.until.min(now.after(GATHERING_MS));
            return true;
        }
        let ahead = self.descriptions.len() + self.candidates.len();
        if ahead >= WAITING_SIGNALS {
            return false;
        }
        let mut waiting = Waiting::new((to, signal));
        if gathers {
            waiting.gathers = true;
            if ahead + self.unanswered.len() >= MANY_SIGNALS {
                waiting.until = now.after(FIRST_GATHERED_MS);
            }
        }
        self.queue(&waiting.signal).push(waiting);
        true
    }

    /// Takes out a signal that may leave.
    pub(super) fn pop(&mut self, now: Instant) -> Option<Addressed> {
        let earned = now.since(self.filled).saturating_mul(SIGNALS_PER_SECOND);
        self.allowance = self.allowance.saturating_add(earned).min(SIGNAL_BURST * 1000);
        self.filled = now;
        // What a network holds back arrives all at once.
        if self.unanswered.len() >= UNANSWERED_SIGNALS {
            return None;
        }
        let left = self.allowance.checked_sub(1000)?;
        if self.descriptions.first().is_some_and(|waiting| waiting.until > now) {
            return None;
        }
        let waiting = self.descriptions.pop().or_else(|| self.candidates.pop())?;
        self.allowance = left;
        Some((waiting.to, waiting.signal))
    }

    /// Forgets what was for somebody's connection that is gone.
    pub(super) fn forget(&mut self, peer: &PeerId) {
        self.descriptions.retain(|waiting| waiting.to != *peer);
        self.candidates.retain(|waiting| waiting.to != *peer);
        self.forget_unanswered(|(to, _)| to == peer);
    }

    /// Forgets an offer for somebody, and the candidates that were gathered for it.
    pub(super) fn forget_offer(&mut self, peer: &PeerId, and_candidates: bool) {
        let goes = |to: &PeerId, signal: &Signal<JsonText>| {
            let belongs = match signal {
                Signal::Description(description) => description.kind == SdpType::Offer,
                Signal::Candidate(_) => and_candidates,
                Signal::TrackMeta { .. } => false,
            };
            to == peer && belongs
        };
        self.descriptions.retain(|waiting| !goes(&waiting.to, &waiting.signal));
        self.candidates.retain(|waiting| !goes(&waiting.to, &waiting.signal));
        self.forget_unanswered(|(to, signal)| goes(to, signal));
    }

    /// Those that left count until they are answered, wanted or not.
    fn forget_unanswered(&mut self, goes: impl Fn(&Addressed) -> bool) {
        for (_, again) in &mut self.unanswered {
            *again = again.take().filter(|signal| !goes(signal));
        }
    }

    fn queue(&mut self, signal: &Signal<JsonText>) -> &mut Queue<Waiting> {
        match signal {
            Signal::Candidate(_) => &mut self.candidates,
            _ => &mut self.descriptions,
        }
    }

    /// When to take out more, if anything waits.
    pub(super) fn next(&self) -> Option<Instant> {
        let first = self.descriptions.first().or(self.candidates.first())?;
        let is_held = first.until > self.filled;
        Some(if is_held { first.until } else { self.filled.after(SIGNAL_PAUSE_MS) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use metered_protocol::{Candidate, Description};

    fn candidate(pace: &mut Pace, to: &str) -> bool {
        pace.push(Instant(0), PeerId::parse(to).unwrap(), Signal::Candidate(None), false)
    }

    fn offer(pace: &mut Pace, now: u64, to: &str, gathers: bool) {
        let offer = Description { kind: SdpType::Offer, sdp: "v=0\r\nm=x 1\r\na=ice-ufrag:g\r\n".into() };
        assert!(pace.push(Instant(now), PeerId::parse(to).unwrap(), Signal::Description(offer), gathers));
    }

    fn gathered(pace: &mut Pace, to: &str) {
        let candidate = Candidate {
            candidate: "candidate:1".into(),
            sdp_m_line_index: Some(0),
            username_fragment: Some("g".into()),
            ..Candidate::default()
        };
        assert!(pace.push(Instant(0), PeerId::parse(to).unwrap(), Signal::Candidate(Some(candidate)), false));
    }

    /// As many signals are unanswered as make descriptions wait.
    fn busy(pace: &mut Pace) {
        for number in 1..=MANY_SIGNALS as Number {
            pace.leaves(number, None);
        }
    }

    /// What leaves, in a letter each: an offer in which there are candidates is an O.
    fn leaving(pace: &mut Pace, now: u64) -> String {
        let letter = |(_, signal): Addressed| match signal {
            Signal::Description(description) if description.sdp.contains("a=candidate:1") => 'O',
            Signal::Description(_) => 'o',
            _ => 'c',
        };
        std::iter::from_fn(|| pace.pop(Instant(now))).map(letter).collect()
    }

    fn drain(pace: &mut Pace, now: u64) -> usize {
        std::iter::from_fn(|| pace.pop(Instant(now))).count()
    }

    #[test]
    fn a_burst_leaves_at_once_and_the_rest_at_its_pace() {
        let mut pace = Pace::new();
        pace.start(Instant(5));
        for _ in 0..300 {
            candidate(&mut pace, "bob");
        }
        assert_eq!(drain(&mut pace, 5), 120);
        assert_eq!(pace.next(), Some(Instant(105)));
        assert_eq!(drain(&mut pace, 105), 8);
        assert_eq!(drain(&mut pace, 1_105), 80);
        assert_eq!(drain(&mut pace, 100_000), 92);
        assert_eq!(pace.next(), None);
    }

    #[test]
    fn descriptions_go_first_and_what_is_for_the_gone_does_not_go() {
        let mut pace = Pace::new();
        pace.start(Instant(0));
        let offer = Description { kind: SdpType::Offer, sdp: String::new() };
        candidate(&mut pace, "bob");
        candidate(&mut pace, "eve");
        pace.push(Instant(0), PeerId::parse("zoe").unwrap(), Signal::Description(offer), false);
        pace.forget(&PeerId::parse("eve").unwrap());
        let order: Vec<_> = std::iter::from_fn(|| pace.pop(Instant(0))).map(|(to, _)| to).collect();
        assert_eq!(order.iter().map(PeerId::as_str).collect::<Vec<_>>(), ["zoe", "bob"]);
    }

    #[test]
    fn candidates_travel_in_a_description_that_waits_and_the_first_descriptions_do_not_wait() {
        let mut pace = Pace::new();
        pace.start(Instant(0));
        offer(&mut pace, 0, "alone", true);
        assert_eq!(leaving(&mut pace, 0), "o");
        gathered(&mut pace, "alone");
        assert_eq!(leaving(&mut pace, 0), "c");
        busy(&mut pace);
        for to in ["bob", "eve"] {
            offer(&mut pace, 1, to, true);
        }
        gathered(&mut pace, "eve");
        candidate(&mut pace, "eve");
        assert_eq!(leaving(&mut pace, 50), "");
        assert_eq!(pace.next(), Some(Instant(51)));
        assert_eq!(leaving(&mut pace, 51), "oOc");
    }

    #[test]
    fn once_there_is_a_candidate_a_description_waits_but_shortly() {
        let mut pace = Pace::new();
        pace.start(Instant(0));
        busy(&mut pace);
        offer(&mut pace, 0, "bob", true);
        gathered(&mut pace, "bob");
        assert_eq!(leaving(&mut pace, 4), "");
        assert_eq!(leaving(&mut pace, 5), "O");
    }

    #[test]
    fn what_is_to_stay_as_it_is_waits_for_nothing() {
        let mut pace = Pace::new();
        pace.start(Instant(0));
        busy(&mut pace);
        offer(&mut pace, 0, "bob", false);
        gathered(&mut pace, "bob");
        assert_eq!(leaving(&mut pace, 0), "oc");
    }

    #[test]
    fn an_offer_that_is_taken_back_takes_its_candidates_along() {
        let mut pace = Pace::new();
        pace.start(Instant(0));
        busy(&mut pace);
        offer(&mut pace, 0, "bob", true);
        gathered(&mut pace, "bob");
        pace.forget_offer(&PeerId::parse("bob").unwrap(), true);
        assert_eq!(leaving(&mut pace, 5), "");
    }

    #[test]
    fn what_was_not_answered_leaves_again_in_its_order_and_first() {
        let mut pace = Pace::new();
        pace.start(Instant(0));
        for (number, to) in (1..).zip(["gone", "too", "a", "b"]) {
            pace.leaves(number, Some((PeerId::parse(to).unwrap(), Signal::Candidate(None))));
        }
        pace.answered(2);
        candidate(&mut pace, "d");
        pace.interrupt();
        let order: Vec<_> = std::iter::from_fn(|| pace.pop(Instant(0))).map(|(to, _)| to).collect();
        assert_eq!(order.iter().map(PeerId::as_str).collect::<Vec<_>>(), ["a", "b", "d"]);
    }

    #[test]
    fn no_more_is_under_way_than_a_server_takes_at_once() {
        let mut pace = Pace::new();
        pace.start(Instant(0));
        for number in 1..=120 {
            candidate(&mut pace, "bob");
            assert!(pace.pop(Instant(0)).is_some());
            pace.leaves(number, None);
        }
        candidate(&mut pace, "bob");
        assert_eq!(drain(&mut pace, 100_000), 0);
        pace.answered(7);
        assert_eq!(drain(&mut pace, 100_000), 1);
    }

    #[test]
    fn no_more_waits_than_may() {
        let mut pace = Pace::new();
        assert_eq!((0..10_000).filter(|_| candidate(&mut pace, "bob")).count(), WAITING_SIGNALS);
    }
}
