//! What a peer costs in a room that grows, in counts: a clock would tell what else the machine does.

use std::time::Duration;

use metered_sim::scenario::growth::{Growth, grow};

fn room_of(peers: u32) -> Growth {
    grow(peers as usize, Duration::default).unwrap_or_else(|missing| panic!("{peers} peers: {missing}"))
}

#[test]
fn each_other_peer_costs_a_join_no_more_in_a_large_room_than_in_a_small_one() {
    let small = room_of(4).join;
    for peers in [8, 16, 32] {
        let join = room_of(peers).join;
        let (others, of_small) = (u64::from(peers - 1), 3);
        assert!(join.inputs * of_small <= small.inputs * others, "{peers} peers: {join:?}, 4: {small:?}");
        assert!(join.outputs * of_small <= small.outputs * others, "{peers} peers: {join:?}, 4: {small:?}");
    }
}

#[test]
fn a_message_is_one_input_and_one_output_however_large_the_room_is() {
    for peers in [2, 8, 32] {
        let messages = room_of(peers).messages;
        let others = u64::from(peers - 1);
        // A timer may ring meanwhile, which says nothing.
        assert!((others..=others + 2).contains(&messages.inputs), "{peers} peers: {messages:?}");
        assert_eq!(messages.outputs, others, "{peers} peers");
    }
}
