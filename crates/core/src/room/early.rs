//! Signals that came before the presence of their sender.

use metered_protocol::{PeerId, Signal};

use crate::limits::{EARLY_METADATA_BYTES, EARLY_SIGNAL_BYTES, EARLY_SIGNALS};

/// A queue bounded in signals and bytes. When it is full the newest is refused: a peer whose presence comes
/// after all finds the beginning of what it sent, and an incomplete negotiation is made good by its timeout.
#[derive(Debug)]
pub(super) struct EarlySignals<V>(Vec<(PeerId, Signal<V>)>);

impl<V> Default for EarlySignals<V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<V> EarlySignals<V> {
    /// Keeps a signal. Answers whether there was room.
    pub(super) fn push(&mut self, from: PeerId, signal: Signal<V>) -> bool {
        let bytes: usize = self.0.iter().map(|(_, signal)| size(signal)).sum();
        let has_room = self.0.len() < EARLY_SIGNALS && bytes + size(&signal) <= EARLY_SIGNAL_BYTES;
        if has_room {
            self.0.push((from, signal));
        }
        has_room
    }

    /// The signals in the order they came.
    pub(super) fn into_signals(self) -> Vec<(PeerId, Signal<V>)> {
        self.0
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

fn size<V>(signal: &Signal<V>) -> usize {
    match signal {
        Signal::Description(description) => description.sdp.len(),
        Signal::Candidate(Some(candidate)) => candidate.candidate.len(),
        Signal::Candidate(None) => 0,
        Signal::TrackMeta(_) => EARLY_METADATA_BYTES,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use metered_protocol::{Description, SdpType};

    fn offer(bytes: usize) -> Signal<()> {
        Signal::Description(Description { kind: SdpType::Offer, sdp: "x".repeat(bytes) })
    }

    fn peer(id: &str) -> PeerId {
        PeerId::parse(id).unwrap()
    }

    #[test]
    fn signals_come_out_in_the_order_they_came() {
        let mut early = EarlySignals::default();
        assert!(early.push(peer("a"), offer(1)));
        assert!(early.push(peer("b"), offer(2)));
        assert!(early.push(peer("a"), offer(3)));
        let sizes: Vec<_> = early.into_signals().iter().map(|(_, signal)| size(signal)).collect();
        assert_eq!(sizes, [1, 2, 3]);
    }

    #[test]
    fn a_flood_is_bounded_in_signals_and_bytes() {
        let mut early = EarlySignals::default();
        let kept = (0..10_000).filter(|_| early.push(peer("a"), Signal::Candidate(None))).count();
        assert_eq!(kept, EARLY_SIGNALS);
        early.clear();
        let kept = (0..100).filter(|_| early.push(peer("a"), offer(EARLY_SIGNAL_BYTES / 4))).count();
        assert_eq!(kept, 4);
    }
}
