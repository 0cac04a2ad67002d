//! The simulator itself: that its worlds replay, that they are rich, and that they hold.

use std::collections::BTreeSet;

use metered_sim::campaign::{End, campaign};
use metered_sim::plan::{Role, Settings};
use metered_sim::scenario::{run, run_world};

#[test]
fn a_seed_replays_exactly() {
    for seed in [3, 14, 15] {
        for role in [Role::Peer, Role::Client] {
            let first = run_world(seed, role, Settings::default()).unwrap();
            assert_eq!(run_world(seed, role, Settings::default()), Ok(first), "seed {seed}");
        }
    }
}

#[test]
fn different_seeds_make_different_worlds() {
    let hashes: BTreeSet<u64> = (1..=20).map(|seed| run(seed, Settings::default()).unwrap().hash).collect();
    assert_eq!(hashes.len(), 20);
}

#[test]
fn the_worlds_are_rich_enough_to_find_something() {
    let tally = campaign(1..61, Settings::default(), 2, End::LastSeed);
    assert_eq!(tally.failed, []);
    for sight in [
        "AckTimeoutError",
        "DisconnectedError",
        "InvalidStateError",
        "MeteredPeerSendError",
        "NotConnectedError",
        "OversizedPayloadError",
        "ServerRequestError",
        "SignallingConnectError",
        "answer",
        "closed in the middle of a call",
        "connection that was closed by its page",
        "connection whose stack has died",
        "connection whose stack has died with a goodbye",
        "connection-reset",
        "dropped a frame that is no JSON text",
        "dropped an answer to a withdrawn offer",
        "failed connection",
        "going-away",
        "ice-candidate-error",
        "inactivity timeout",
        "no token for the first attempt",
        "no welcome",
        "reconnect",
        "rollback",
        "terminal close",
        "token-provider-error",
    ] {
        assert!(tally.sum.sights.contains_key(sight), "no world has seen this: {sight}");
    }
}

#[test]
fn the_worlds_of_bare_clients_have_seen_everything() {
    let settings = Settings { role: Some(Role::Client), ..Settings::default() };
    let tally = campaign(1..601, settings, 2, End::LastSeed);
    assert_eq!(tally.failed, []);
    for sight in [
        "AckTimeoutError",
        "a subscription is to be replayed again",
        "connection with a new token",
        "could not be resumed",
        "dropped a frame that is no JSON text",
        "frame behind its successors",
        "frame that came twice",
        "going-away",
        "ignored a second welcome",
        "inactivity timeout",
        "left after a doubt",
        "lost answer",
        "no welcome",
        "refused subscription",
        "renewal",
        "renewal that failed",
        "resumed",
        "resumed with messages that were missed",
        "server-error",
        "sleep",
        "sleep that ended in a question",
        "subscription that was put off",
        "subscription that was refused late",
        "terminal close",
        "token expired",
        "token-provider-error",
    ] {
        assert!(tally.sum.sights.contains_key(sight), "no world has seen this: {sight}");
    }
}

#[test]
fn the_worlds_with_the_python_sdk_have_seen_what_is_peculiar_to_it() {
    let settings = Settings { role: Some(Role::Peer), ..Settings::default() };
    let tally = campaign(1..301, settings, 2, End::LastSeed);
    assert_eq!(tally.failed, []);
    for sight in [
        "Python built a connection anew",
        "Python cannot negotiate",
        "Python dropped an answer",
        "Python dropped an offer",
        "Python ignored an offer",
        "broken path with Python",
        "lost signal with Python",
        "new name with Python",
        "repeated signal with Python",
    ] {
        assert!(tally.sum.sights.contains_key(sight), "no world has seen this: {sight}");
    }
}

#[test]
fn a_room_of_fifty_comes_together() {
    let settings = Settings { clients: Some(50), ..Settings::default() };
    let outcome = run_world(2, Role::Peer, settings);
    assert!(outcome.is_ok(), "{outcome:?}");
}

/// Seeds that found something once. One line each: the seed, and what it had found.
#[test]
fn what_was_found_once_is_not_found_again() {
    for line in include_str!("regressions.txt").lines().filter(|line| !line.starts_with('#')) {
        let (seed, found) = line.split_once(' ').expect("a seed and a sentence");
        let outcome = run(seed.parse().expect("a seed"), Settings::default());
        assert!(outcome.is_ok(), "seed {seed} ({found}): {outcome:?}");
    }
}
