//! Signals that came before the presence of their sender.

use metered_protocol::PeerId;

use crate::limits::{EARLY_SIGNAL_BYTES, EARLY_SIGNALS};
use crate::negotiation::RemoteSignal;

/// A queue bounded in signals and bytes. When it is full the newest is refused: a peer whose presence comes
/// after all finds the beginning of what it sent, and an incomplete negotiation is made good by its timeout.
#[derive(Debug, Default)]
pub(super) struct EarlySignals {
    signals: Vec<(PeerId, RemoteSignal)>,
    bytes: usize,
}

impl EarlySignals {
    /// Keeps a signal. Answers whether there was room.
    pub(super) fn push(&mut self, from: PeerId, signal: RemoteSignal) -> bool {
        let size = size(&signal);
        if self.signals.len() >= EARLY_SIGNALS || self.bytes + size > EARLY_SIGNAL_BYTES {
            return false;
        }
        self.bytes += size;
        self.signals.push((from, signal));
        true
    }

    /// The signals in the order they came.
    pub(super) fn into_signals(self) -> Vec<(PeerId, RemoteSignal)> {
        self.signals
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

fn size(signal: &RemoteSignal) -> usize {
    match signal {
        RemoteSignal::Description(description) => description.sdp.len(),
        RemoteSignal::Candidate(Some(candidate)) => candidate.candidate.len(),
        RemoteSignal::Candidate(None) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use metered_protocol::{Description, SdpType};

    fn offer(bytes: usize) -> RemoteSignal {
        RemoteSignal::Description(Description { kind: SdpType::Offer, sdp: "x".repeat(bytes) })
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
        let kept = (0..10_000).filter(|_| early.push(peer("a"), RemoteSignal::Candidate(None))).count();
        assert_eq!(kept, EARLY_SIGNALS);
        early.clear();
        let kept = (0..100).filter(|_| early.push(peer("a"), offer(EARLY_SIGNAL_BYTES / 4))).count();
        assert_eq!(kept, 4);
    }
}
