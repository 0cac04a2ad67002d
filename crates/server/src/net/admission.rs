//! How often one address may connect, or present a key that is none.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, Ipv6Addr};

use crate::Limits;
use crate::hub::UnixMillis;

/// How long a request without a valid key is remembered, in milliseconds.
const FAILURE_WINDOW_MS: u64 = 60_000;

/// Remembers when each address connected, for as long as it matters.
///
/// Only connections that were admitted count, so that a client which keeps knocking gets in as soon as its window
/// allows. IPv6 addresses count by their /64, which is what one customer gets.
#[derive(Debug)]
pub(super) struct Admission {
    limit: usize,
    window_ms: u64,
    exempt_loopback: bool,
    admitted: BTreeMap<IpAddr, VecDeque<UnixMillis>>,
    swept_at: UnixMillis,
}

impl Admission {
    /// For connections.
    pub(super) fn new(limits: &Limits, exempt_loopback: bool) -> Self {
        Self::with(limits.connections_per_address, limits.connection_window_ms, exempt_loopback)
    }

    /// For requests without a valid key.
    pub(super) fn for_failures(limits: &Limits, exempt_loopback: bool) -> Self {
        Self::with(limits.failed_requests_per_address, FAILURE_WINDOW_MS, exempt_loopback)
    }

    fn with(limit: u32, window_ms: u64, exempt_loopback: bool) -> Self {
        Self {
            limit: limit as usize,
            window_ms,
            exempt_loopback,
            admitted: BTreeMap::new(),
            swept_at: UnixMillis(0),
        }
    }

    /// Whether one more would be admitted. Counts nothing.
    pub(super) fn has_room(&self, now: UnixMillis, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let Some(times) = self.admitted.get(&group(address)) else { return true };
        let recent = times.iter().filter(|at| now.0.abs_diff(at.0) < self.window_ms).count();
        self.limit == 0 || recent < self.limit
    }

    /// Counts a connection. False if it is one too many.
    pub(super) fn admit(&mut self, now: UnixMillis, address: IpAddr) -> bool {
        let address = address.to_canonical();
        if self.limit == 0 || (self.exempt_loopback && address.is_loopback()) {
            return true;
        }
        self.sweep(now);
        let times = self.admitted.entry(group(address)).or_default();
        forget_old(times, now, self.window_ms);
        if times.len() >= self.limit {
            return false;
        }
        times.push_back(now);
        true
    }

    /// Forgets the addresses that have been away for a window, once per window.
    fn sweep(&mut self, now: UnixMillis) {
        if now.0.abs_diff(self.swept_at.0) >= self.window_ms {
            self.swept_at = now;
            self.admitted.retain(|_, times| {
                forget_old(times, now, self.window_ms);
                !times.is_empty()
            });
        }
    }
}

/// Forgets times out of the window, and times that a clock stepping back has left in the future.
fn forget_old(times: &mut VecDeque<UnixMillis>, now: UnixMillis, window_ms: u64) {
    while times.front().is_some_and(|time| time.0.abs_diff(now.0) >= window_ms) {
        times.pop_front();
    }
}

fn group(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX)).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admission(exempt_loopback: bool) -> Admission {
        let limits = Limits { connections_per_address: 3, connection_window_ms: 1000, ..Limits::default() };
        Admission::new(&limits, exempt_loopback)
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_gets_as_many_connections_as_fit_into_any_window() {
        let mut admission = admission(false);
        let at = |admission: &mut Admission, ms| admission.admit(UnixMillis(ms), ip("192.0.2.1"));
        assert!(at(&mut admission, 0) && at(&mut admission, 400) && at(&mut admission, 800));
        assert!(!at(&mut admission, 999));
        assert!(at(&mut admission, 1000));
        assert!(!at(&mut admission, 1399));
        assert!(at(&mut admission, 1400));
    }

    #[test]
    fn addresses_are_counted_apart_and_ipv6_by_network() {
        let mut admission = admission(false);
        for _ in 0..3 {
            assert!(admission.admit(UnixMillis(0), ip("192.0.2.1")));
            assert!(admission.admit(UnixMillis(0), ip("2001:db8::1")));
        }
        assert!(!admission.admit(UnixMillis(0), ip("::ffff:192.0.2.1")));
        assert!(!admission.admit(UnixMillis(0), ip("2001:db8::2")));
        assert!(admission.admit(UnixMillis(0), ip("192.0.2.2")));
        assert!(admission.admit(UnixMillis(0), ip("2001:db8:0:1::1")));
    }

    #[test]
    fn loopback_can_be_exempt() {
        let mut exempting = admission(true);
        assert!((0..10).all(|_| exempting.admit(UnixMillis(0), ip("127.0.0.1"))));
        assert!((0..10).all(|_| exempting.admit(UnixMillis(0), ip("::1"))));
        let mut counting = admission(false);
        assert_eq!((0..10).filter(|_| counting.admit(UnixMillis(0), ip("127.0.0.1"))).count(), 3);
    }

    #[test]
    fn addresses_that_are_gone_are_forgotten() {
        let mut admission = admission(false);
        for host in 0..200 {
            admission.admit(UnixMillis(0), IpAddr::from([192, 0, 2, host]));
        }
        admission.admit(UnixMillis(1000), ip("198.51.100.1"));
        assert_eq!(admission.admitted.len(), 1);
    }
}
