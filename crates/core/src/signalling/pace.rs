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

use metered_protocol::{PeerId, SdpType, Signal, ToJson};

use crate::Instant;
use crate::limits::{
    FIRST_GATHERED_MS, GATHERED_SDP_BYTES, GATHERING_MS, MANY_SIGNALS, SIGNAL_BURST, SIGNAL_PAUSE_MS,
    SIGNALS_PER_SECOND, UNANSWERED_SIGNALS, WAITING_SIGNALS,
};
use crate::output::JsonText;
use crate::signalling::requests::Number;

/// A signal that waits, or has left and is not answered yet.
#[derive(Debug)]
struct Outgoing {
    to: PeerId,
    /// `None` for one that has left and is not to leave again if it gets lost.
    signal: Option<Signal<JsonText>>,
    /// The request that it left by; [`WAITS`] while it waits.
    left: Number,
    /// It has left, and whatever becomes of it holds up no other.
    overdue: bool,
    /// Whether it is a description that takes in candidates.
    gathers: bool,
    /// Until when it waits for them.
    until: Instant,
}

const WAITS: Number = 0;

impl Outgoing {
    fn is_waiting(&self) -> bool {
        self.left == WAITS
    }

    fn is_unanswered(&self) -> bool {
        !self.is_waiting() && !self.overdue
    }

    fn is_candidate(&self) -> bool {
        matches!(self.signal, Some(Signal::Candidate(_)))
    }
}

#[derive(Debug)]
pub(super) struct Pace {
    /// Thousandths of a signal that may leave now, as of `filled`.
    allowance: u64,
    filled: Instant,
    /// Descriptions among themselves and candidates among themselves are in the order in which they were made, so those
    /// that have left come first.
    signals: Vec<Outgoing>,
}

impl Pace {
    pub(super) const fn new() -> Self {
        Self { allowance: 0, filled: Instant(0), signals: Vec::new() }
    }

    /// A connection begins.
    pub(super) fn start(&mut self, now: Instant) {
        (self.allowance, self.filled) = (SIGNAL_BURST * 1000, now);
    }

    /// The connection ended: what it may have lost is to leave again, before everything else.
    pub(super) fn interrupt(&mut self) {
        for outgoing in &mut self.signals {
            (outgoing.left, outgoing.overdue) = (WAITS, false);
        }
        self.sweep();
    }

    /// The server has answered a request. A socket keeps the order, so what left before has arrived too.
    pub(super) fn answered(&mut self, request: Number) {
        self.settle(WAITS + 1, request);
    }

    /// The request that a signal was to leave by has not left.
    pub(super) fn refused(&mut self, request: Number) {
        self.settle(request, request);
    }

    fn settle(&mut self, first: Number, last: Number) {
        for outgoing in &mut self.signals {
            if (first..=last).contains(&outgoing.left) {
                (outgoing.left, outgoing.signal) = (WAITS, None);
            }
        }
        self.sweep();
    }

    /// Drops what neither waits nor is waited for.
    fn sweep(&mut self) {
        self.signals.retain(|outgoing| outgoing.signal.is_some() || outgoing.is_unanswered());
    }

    fn unanswered(&self) -> usize {
        self.signals.iter().filter(|outgoing| outgoing.is_unanswered()).count()
    }

    /// A request was not answered in time. Its socket may be dead, which is found out later: then it is to leave again.
    /// If the server seems to answer none, what has left until then does not hold up the rest meanwhile.
    pub(super) fn overdue(&mut self, request: Number) {
        if self.unanswered() >= UNANSWERED_SIGNALS {
            for outgoing in self.signals.iter_mut().filter(|outgoing| !outgoing.is_waiting()) {
                outgoing.overdue |= outgoing.left <= request;
            }
            self.sweep();
        }
    }

    /// Takes a signal in. Answers whether there was room. A description that `gathers` takes in the candidates that follow.
    pub(super) fn push(&mut self, now: Instant, to: PeerId, signal: Signal<JsonText>, gathers: bool) -> bool {
        if let Signal::Candidate(Some(candidate)) = &signal
            && let Some(latest) = self.latest_description(&to)
            && latest.gathers
            && let Some(Signal::Description(description)) = &mut latest.signal
            && description.take_in(candidate, GATHERED_SDP_BYTES)
        {
            latest.until = latest.until.min(now.after(GATHERING_MS));
            return true;
        }
        if self.signals.len() - self.unanswered() >= WAITING_SIGNALS {
            return false;
        }
        let waits_for_candidates = gathers && self.signals.len() >= MANY_SIGNALS;
        let until = if waits_for_candidates { now.after(FIRST_GATHERED_MS) } else { Instant(0) };
        self.signals.push(Outgoing { to, signal: Some(signal), left: WAITS, overdue: false, gathers, until });
        true
    }

    fn latest_description(&mut self, to: &PeerId) -> Option<&mut Outgoing> {
        self.signals.iter_mut().rfind(|other| other.is_waiting() && !other.is_candidate() && other.to == *to)
    }

    /// The first to leave of those that wait.
    fn first(&mut self) -> Option<&mut Outgoing> {
        self.signals
            .iter_mut()
            .filter(|outgoing| outgoing.is_waiting())
            .min_by_key(|first| first.is_candidate())
    }

    /// Lets a signal leave that may, by this request: answers to whom, and its text. If it `may_return`, it is to leave
    /// again if it gets lost.
    pub(super) fn pop(
        &mut self,
        now: Instant,
        request: Number,
        may_return: bool,
    ) -> Option<(PeerId, String)> {
        let earned = now.since(self.filled).saturating_mul(SIGNALS_PER_SECOND);
        self.allowance = self.allowance.saturating_add(earned).min(SIGNAL_BURST * 1000);
        self.filled = now;
        // What a network holds back arrives all at once.
        if self.unanswered() >= UNANSWERED_SIGNALS {
            return None;
        }
        let allowance = self.allowance.checked_sub(1000)?;
        let first = self.first().filter(|first| first.until <= now)?;
        let mut text = String::new();
        first.signal.as_ref()?.write_json(&mut text);
        if !may_return {
            first.signal = None;
        }
        (first.left, first.gathers, first.until) = (request, false, Instant(0));
        let to = first.to.clone();
        self.allowance = allowance;
        Some((to, text))
    }

    /// Forgets what was for somebody's connection that is gone.
    pub(super) fn forget(&mut self, peer: &PeerId) {
        self.forget_some(peer, &|_| true);
    }

    /// Forgets an offer for somebody, and the candidates that were gathered for it.
    pub(super) fn forget_offer(&mut self, peer: &PeerId, and_candidates: bool) {
        self.forget_some(peer, &|signal| match signal {
            Signal::Description(description) => description.kind == SdpType::Offer,
            Signal::Candidate(_) => and_candidates,
            Signal::TrackMeta { .. } => false,
        });
    }

    /// Those that left count until they are answered, wanted or not.
    fn forget_some(&mut self, peer: &PeerId, goes: &dyn Fn(&Signal<JsonText>) -> bool) {
        for outgoing in self.signals.iter_mut().filter(|outgoing| outgoing.to == *peer) {
            outgoing.signal = outgoing.signal.take().filter(|signal| !goes(signal));
        }
        self.sweep();
    }

    /// When to take out more, if anything waits.
    pub(super) fn next(&mut self) -> Instant {
        let filled = self.filled;
        let Some(first) = self.first() else { return Instant::NEVER };
        if first.until > filled { first.until } else { filled.after(SIGNAL_PAUSE_MS) }
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
            left(pace, number, "busy", false);
        }
    }

    /// A signal has left by this request.
    fn left(pace: &mut Pace, number: Number, to: &str, may_return: bool) {
        assert!(candidate(pace, to));
        assert!(pace.pop(Instant(0), number, may_return).is_some());
    }

    /// What leaves, in a letter each: an offer in which there are candidates is an O.
    fn leaving(pace: &mut Pace, now: u64) -> String {
        let letter = |(_, text): (PeerId, String)| match text.contains("rtc-description") {
            true if text.contains("a=candidate:1") => 'O',
            true => 'o',
            false => 'c',
        };
        popped(pace, now).map(letter).collect()
    }

    fn drain(pace: &mut Pace, now: u64) -> usize {
        popped(pace, now).count()
    }

    /// What leaves, each answered at once.
    fn popped(pace: &mut Pace, now: u64) -> impl Iterator<Item = (PeerId, String)> {
        std::iter::from_fn(move || {
            let popped = pace.pop(Instant(now), Number::MAX, false);
            pace.refused(Number::MAX);
            popped
        })
    }

    #[test]
    fn a_burst_leaves_at_once_and_the_rest_at_its_pace() {
        let mut pace = Pace::new();
        pace.start(Instant(5));
        for _ in 0..300 {
            candidate(&mut pace, "bob");
        }
        assert_eq!(drain(&mut pace, 5), 120);
        assert_eq!(pace.next(), Instant(105));
        assert_eq!(drain(&mut pace, 105), 8);
        assert_eq!(drain(&mut pace, 1_105), 80);
        assert_eq!(drain(&mut pace, 100_000), 92);
        assert_eq!(pace.next(), Instant::NEVER);
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
        let order: Vec<_> = popped(&mut pace, 0).map(|(to, _)| to).collect();
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
        assert_eq!(pace.next(), Instant(51));
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
            left(&mut pace, number, to, true);
        }
        pace.answered(2);
        candidate(&mut pace, "d");
        pace.interrupt();
        let order: Vec<_> = popped(&mut pace, 0).map(|(to, _)| to).collect();
        assert_eq!(order.iter().map(PeerId::as_str).collect::<Vec<_>>(), ["a", "b", "d"]);
    }

    #[test]
    fn no_more_is_under_way_than_a_server_takes_at_once() {
        let mut pace = Pace::new();
        pace.start(Instant(0));
        for number in 1..=120 {
            left(&mut pace, number, "bob", false);
        }
        candidate(&mut pace, "bob");
        assert_eq!(drain(&mut pace, 100_000), 0);
        pace.answered(7);
        assert_eq!(drain(&mut pace, 100_000), 1);
    }

    #[test]
    fn what_is_overdue_holds_up_no_other_and_leaves_again_all_the_same() {
        let mut pace = Pace::new();
        pace.start(Instant(0));
        for number in 1..=UNANSWERED_SIGNALS as Number {
            left(&mut pace, number, "a", true);
        }
        let later = Instant(10_000);
        candidate(&mut pace, "b");
        assert!(pace.pop(later, 500, true).is_none());
        pace.overdue(100);
        assert!(pace.pop(later, 500, true).is_some());
        pace.interrupt();
        assert_eq!(pace.signals.len(), UNANSWERED_SIGNALS + 1);
        assert_eq!(pace.unanswered(), 0);
    }

    #[test]
    fn no_more_waits_than_may() {
        let mut pace = Pace::new();
        assert_eq!((0..10_000).filter(|_| candidate(&mut pace, "bob")).count(), WAITING_SIGNALS);
    }
}
