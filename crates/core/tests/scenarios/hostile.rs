//! Whatever the server or a remote sends, nothing panics, nothing hangs, and nothing grows without bound.
//!
//! A seeded generator makes frames that look right and are not: true types with wrong contents, deep and large
//! values, odd names, in any order.

use metered_core::{ConnectionEvent, ConnectionState, Input, OperationId, Outcome, SocketEvent};
use metered_protocol::{CloseCode, SdpType};
use serde_json::{Map, Value as Json, json};

use crate::hand::{Hand, close, join, payload, sdp};

struct Chaos(fastrand::Rng);

impl Chaos {
    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.0.usize(0..from.len())]
    }

    fn text(&mut self) -> String {
        let long = "x".repeat(self.0.usize(0..2_000));
        let texts = [
            "",
            "me",
            "bob",
            "zoe",
            "room",
            "other",
            "1",
            "2",
            "3",
            "-1",
            "offer",
            "answer",
            "rollback",
            "rtc-ice",
            "rtc-description",
            "candidate:1",
            "a=fingerprint:sha-256 AA",
            "\u{0}",
            "é\u{2028}",
            "\u{1f600}",
            &long,
        ];
        (*self.pick(&texts)).to_owned()
    }

    fn value(&mut self, depth: u32) -> Json {
        match self.0.u32(0..if depth == 0 { 6 } else { 9 }) {
            0 => Json::Null,
            1 => Json::Bool(self.0.bool()),
            2 => json!(self.pick(&[0.0, -1.0, 0.5, 1e300, -1e300, 65_536.0, 4_294_967_296.0])),
            3..6 => Json::String(self.text()),
            6 => (0..self.0.usize(0..4)).map(|_| self.value(depth - 1)).collect(),
            7 => self.peers(),
            _ => {
                let fields = self.0.usize(0..5);
                Json::Object((0..fields).map(|_| (self.name(), self.value(depth - 1))).collect())
            }
        }
    }

    fn peers(&mut self) -> Json {
        let count = *self.pick(&[0, 1, 2, 400]);
        (0..count)
            .map(|n| if self.0.bool() { json!({"peerId": format!("p{n}")}) } else { self.value(0) })
            .collect()
    }

    fn name(&mut self) -> String {
        const NAMES: &[&str] = &[
            "type",
            "channel",
            "data",
            "requestId",
            "from",
            "fromMetadata",
            "code",
            "message",
            "joined",
            "left",
            "peerId",
            "metadata",
            "expiresAt",
            "serverTime",
            "maxMessageSize",
            "iceServers",
            "urls",
            "retryAfterMs",
            "resume",
            "resumed",
            "token",
            "graceMs",
            "description",
            "sdp",
            "candidate",
            "sdpMid",
            "sdpMLineIndex",
            "usernameFragment",
            "__meteredTrackMeta",
            "trackId",
            "__proto__",
            "",
        ];
        (*self.pick(NAMES)).to_owned()
    }

    /// A signal, more or less.
    fn signal(&mut self) -> Json {
        let mut data = match self.0.u32(0..3) {
            0 => {
                let kind = *self.pick(&["offer", "answer"]);
                let maker = *self.pick(&["AA", "BB", "CC"]);
                let sdp = format!("v=0\r\na=fingerprint:sha-256 {maker}\r\n");
                json!({"type": "rtc-description", "description": {"type": kind, "sdp": sdp}})
            }
            1 => json!({"type": "rtc-ice", "candidate": {"candidate": "candidate:1", "sdpMid": "0"}}),
            _ => json!({"__meteredTrackMeta": {"trackId": "t", "metadata": {}}}),
        };
        if self.0.u32(0..4) == 0 {
            self.spoil(&mut data);
        }
        data
    }

    /// A frame, more or less.
    fn frame(&mut self) -> Json {
        let from = *self.pick(&["bob", "zoe", "me", "eve"]);
        let mut frame = match self.0.u32(0..12) {
            0 => json!({"type": "welcome", "peerId": from, "maxMessageSize": 65536, "serverTime": 1}),
            1 => json!({"type": "ack", "requestId": self.0.u32(0..50).to_string()}),
            2 => {
                json!({"type": "error", "code": "backend_error", "requestId": self.0.u32(0..50).to_string()})
            }
            3 => json!({"type": "error", "code": self.text()}),
            4 => json!({"type": "message", "channel": "room", "from": from, "data": self.value(2)}),
            5 | 6 => json!({"type": "presence", "channel": "room", "joined": [{"peerId": from}], "left": []}),
            7 => json!({"type": "presence", "channel": "room", "joined": [], "left": [{"peerId": from}]}),
            8 => json!({"type": "presence", "channel": "room", "joined": self.peers(), "left": self.peers()}),
            9 => self.value(3),
            _ => json!({"type": "direct", "from": from, "data": self.signal()}),
        };
        if self.0.u32(0..6) == 0 {
            self.spoil(&mut frame);
        }
        frame
    }

    /// Changes a field of an object or of one inside it.
    fn spoil(&mut self, value: &mut Json) {
        let Some(fields) = value.as_object_mut().filter(|fields| !fields.is_empty()) else { return };
        let at = self.0.usize(0..fields.len());
        let name = fields.keys().nth(at).cloned().unwrap_or_default();
        match (self.0.u32(0..3), fields.get_mut(&name)) {
            (0, _) => drop::<Option<Json>>(Map::remove(fields, &name)),
            (1, Some(inner @ Json::Object(_))) => self.spoil(inner),
            (_, Some(inner)) => *inner = self.value(2),
            _ => {}
        }
    }
}

/// Whatever a driver may be told by the outside world, in any order.
fn torment(hand: &mut Hand, chaos: &mut Chaos) {
    let socket = hand.socket;
    let connection = chaos.0.u32(0..40);
    match chaos.0.u32(0..40) {
        0 => hand.input(Input::Socket(socket, SocketEvent::Garbage)),
        1 => {
            let code = CloseCode(*chaos.pick(&[0, 1000, 1006, 4010, 65_535]));
            hand.input(Input::Socket(socket, SocketEvent::Closed { code, reason: chaos.text() }));
        }
        2..8 => hand.pass(chaos.0.u64(0..40_000)),
        8 => hand.call(metered_core::Call::Broadcast { data: payload(chaos.value(1)) }),
        9 => hand.negotiation_needed(connection),
        10 => {
            let states = [ConnectionState::Connected, ConnectionState::Failed, ConnectionState::Disconnected];
            hand.state(connection, *chaos.pick(&states));
        }
        11 => {
            let outcome = match chaos.0.u32(0..3) {
                0 => Err(json!("no")),
                1 => Ok(Outcome::Applied),
                _ => Ok(Outcome::Created(sdp(SdpType::Offer, "AA"))),
            };
            let op = OperationId(chaos.0.u32(0..80));
            hand.connection(connection, ConnectionEvent::Done(op, outcome));
        }
        12..16 => hand.steps_succeed(),
        16 => hand.gathered(connection, "candidate:1"),
        _ => hand.frame(chaos.frame()),
    }
}

#[test]
fn no_frame_and_no_order_of_events_makes_the_core_panic() {
    for seed in 0..400 {
        let mut chaos = Chaos(fastrand::Rng::with_seed(seed));
        let mut hand = if seed % 4 == 0 { Hand::connected() } else { Hand::joined(&["bob", "zoe"]) };
        for _ in 0..300 {
            torment(&mut hand, &mut chaos);
            hand.said();
        }
        // It still obeys: a close settles, and then there is silence.
        hand.call(close());
        hand.pass(1_000);
        let said = hand.said();
        assert!(said.last().is_some_and(|line| line.ends_with(" ok")), "seed {seed}: {said:?}");
        hand.pass(600_000);
        assert_eq!(hand.said(), [""; 0], "seed {seed}");
    }
}

#[test]
fn a_remote_that_floods_us_with_signals_costs_no_more_than_a_fixed_amount() {
    let mut hand = Hand::joined(&["bob"]);
    let mut chaos = Chaos(fastrand::Rng::with_seed(1));
    // A step that never ends: everything else waits.
    hand.negotiation_needed(2);
    let size = |hand: &Hand| format!("{:?}", hand.core).len();
    let mut sizes = Vec::new();
    for n in 0..8_000 {
        hand.direct("bob", chaos.signal());
        if n % 2_000 == 1_999 {
            sizes.push(size(&hand));
        }
    }
    let (first, last) = (sizes[0], sizes[3]);
    assert!(last <= first + 1_000, "{sizes:?}");
}

#[test]
fn a_server_that_floods_a_join_with_presence_costs_no_more_than_a_fixed_amount() {
    let mut hand = Hand::room();
    hand.call(join("room"));
    hand.welcome("me");
    for n in 0..20_000 {
        hand.presence(&[&format!("p{n}")], &[]);
    }
    assert!(format!("{:?}", hand.core).len() < 200_000);
    hand.ack(1);
    assert!(hand.core.remotes().count() <= 256);
}
