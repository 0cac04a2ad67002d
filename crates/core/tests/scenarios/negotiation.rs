//! Perfect negotiation, one step at a time. `bob` is lower than `me`: towards him we are impolite, towards `zoe`
//! we are polite.

use metered_core::ConnectionState;
use metered_core::limits::{ANSWER_TIMEOUT_MS, CANDIDATE_TIMEOUT_MS, FIRST_GATHERED_MS};
use metered_protocol::SdpType::{Answer, Offer};
use metered_protocol::{Description, SdpType};

use crate::hand::{self, Hand, sdp};

/// What was sent to the remote, in one word each.
fn sent(hand: &mut Hand) -> Vec<&'static str> {
    hand.said_about("send ")
        .iter()
        .map(|line| match line {
            line if line.contains(r#""type":"offer""#) => "offer",
            line if line.contains(r#""type":"answer""#) => "answer",
            line if line.contains("rtc-ice") => "candidate",
            _ => "something else",
        })
        .collect()
}

#[test]
fn we_offer_when_the_connection_needs_it_and_take_the_answer() {
    let mut hand = Hand::joined(&["bob"]);
    hand.negotiation_needed(2);
    assert_eq!(hand.said(), ["k2 create offer"]);
    hand.step_succeeds();
    assert_eq!(hand.said(), ["k2 set local offer of ours"]);
    hand.step_succeeds();
    assert_eq!(sent(&mut hand), ["offer"]);
    hand.description("bob", &sdp(Answer, "bobs"));
    assert_eq!(hand.said(), ["k2 set remote answer of bobs"]);
    hand.step_succeeds();
    assert_eq!(hand.said(), [""; 0]);
    hand.state(2, ConnectionState::Connected);
    hand.said();
    hand.pass(10 * ANSWER_TIMEOUT_MS);
    assert_eq!(hand.said_about("k2"), [""; 0]);
}

#[test]
fn we_answer_an_offer() {
    let mut hand = Hand::joined(&["bob"]);
    hand.description("bob", &sdp(Offer, "bobs"));
    hand.step_succeeds();
    hand.step_succeeds();
    assert_eq!(
        hand.said(),
        ["k2 set remote offer of bobs", "k2 create answer", "k2 set local answer of ours"]
    );
    hand.step_succeeds();
    assert_eq!(sent(&mut hand), ["answer"]);
}

#[test]
fn our_candidates_never_overtake_the_description_they_belong_to() {
    let mut hand = Hand::joined(&["bob"]);
    hand.negotiation_needed(2);
    hand.step_succeeds();
    hand.gathered(2, "c1");
    assert_eq!(sent(&mut hand), [""; 0]);
    hand.step_succeeds();
    hand.gathered(2, "c2");
    assert_eq!(sent(&mut hand), ["offer", "candidate", "candidate"]);
}

#[test]
fn candidates_that_come_before_the_first_description_wait_for_it() {
    let mut hand = Hand::joined(&["bob"]);
    hand.remote_candidate("bob", "c1");
    hand.offers(2);
    hand.remote_candidate("bob", "c2");
    hand.said();
    hand.description("bob", &sdp(Answer, "bobs"));
    hand.remote_candidate("bob", "c3");
    assert_eq!(hand.said(), ["k2 set remote answer of bobs"]);
    hand.step_succeeds();
    assert_eq!(hand.said(), ["k2 add c1", "k2 add c2", "k2 add c3"]);
}

#[test]
fn candidates_of_a_connection_that_the_remote_has_replaced_are_not_added_to_its_successors() {
    let mut hand = Hand::joined(&["bob"]);
    hand.offers(2);
    for candidate in ["c1 ufrag old", "c2 ufrag new", "c3"] {
        hand.remote_candidate("bob", candidate);
    }
    let mut answer = sdp(Answer, "bobs");
    answer.sdp.push_str("a=ice-ufrag:new\r\n");
    hand.description_as_is("bob", &answer);
    hand.step_succeeds();
    assert_eq!(hand.said_about("k2 add "), ["k2 add c2 ufrag new", "k2 add c3"]);
}

#[test]
fn candidates_of_an_offer_that_the_remote_has_taken_back_are_not_added() {
    let generation = |kind, generation: &str| {
        let Description { kind, sdp } = sdp(kind, "bobs");
        Description { kind, sdp: format!("{sdp}a=ice-ufrag:{generation}\r\n") }
    };
    let mut hand = Hand::joined(&["bob"]);
    hand.offers(2);
    hand.description("bob", &generation(Offer, "old"));
    hand.description("bob", &generation(Answer, "new"));
    hand.said();
    hand.remote_candidate("bob", "c1 ufrag old");
    hand.step_succeeds();
    hand.remote_candidate("bob", "c2 ufrag new");
    hand.remote_candidate("bob", "c3 ufrag old");
    assert_eq!(hand.said_about("k2"), ["k2 add c2 ufrag new"]);
}

#[test]
fn a_flood_of_candidates_is_bounded_before_and_after_the_description() {
    for described in [false, true] {
        let mut hand = Hand::joined(&["bob"]);
        if described {
            hand.description("bob", &sdp(Offer, "bobs"));
            hand.steps_succeed();
        }
        for n in 0..5_000 {
            hand.remote_candidate("bob", &format!("c{n}"));
        }
        if !described {
            hand.description("bob", &sdp(Offer, "bobs"));
            hand.steps_succeed();
        }
        assert_eq!(hand.said_about("add ").len(), 200, "described before: {described}");
    }
}

#[test]
fn a_candidate_that_is_refused_is_the_applications_to_know() {
    let mut hand = Hand::joined(&["bob"]);
    hand.description("bob", &sdp(Offer, "bobs"));
    hand.steps_succeed();
    hand.remote_candidate("bob", "c1");
    hand.said();
    hand.step_fails();
    assert_eq!(hand.said(), [r#"r1 candidate error "refused""#]);
}

// ---- both sides offer at once

#[test]
fn the_polite_side_rolls_back_and_answers() {
    let mut hand = Hand::joined(&["zoe"]);
    hand.offers(2);
    hand.gathered(2, "ours");
    hand.said();
    hand.description("zoe", &sdp(Offer, "zoes"));
    hand.remote_candidate("zoe", "c1");
    assert_eq!(hand.said(), ["k2 roll back"]);
    hand.step_succeeds();
    assert_eq!(hand.said(), ["k2 set remote offer of zoes"]);
    hand.steps_succeed();
    assert_eq!(hand.said_about("k2"), ["k2 create answer", "k2 set local answer of ours", "k2 add c1"]);
    hand.state(2, ConnectionState::Connected);
    hand.said();
    hand.pass(10 * ANSWER_TIMEOUT_MS);
    assert_eq!(hand.said_about("k2"), [""; 0]);
}

#[test]
fn a_first_offer_is_rolled_back_once_there_is_a_candidate() {
    let mut hand = Hand::joined(&["zoe"]);
    hand.offers(2);
    hand.said();
    hand.description("zoe", &sdp(Offer, "zoes"));
    hand.remote_candidate("zoe", "c1");
    assert_eq!(hand.said(), [""; 0]);
    hand.gathered(2, "ours");
    assert_eq!(hand.said_about("k2"), ["k2 roll back"]);
    hand.steps_succeed();
    assert_eq!(
        hand.said_about("k2"),
        ["k2 set remote offer of zoes", "k2 create answer", "k2 set local answer of ours", "k2 add c1"]
    );
}

#[test]
fn a_first_offer_is_rolled_back_after_a_second_though_there_be_no_candidate() {
    let mut hand = Hand::joined(&["zoe"]);
    hand.offers(2);
    hand.said();
    hand.description("zoe", &sdp(Offer, "zoes"));
    hand.remote_candidate("zoe", "c1");
    hand.pass(CANDIDATE_TIMEOUT_MS - 1);
    assert_eq!(hand.said(), [""; 0]);
    hand.pass(1);
    assert_eq!(hand.said_about("k2"), ["k2 roll back"]);
    hand.steps_succeed();
    assert_eq!(
        hand.said_about("k2"),
        ["k2 set remote offer of zoes", "k2 create answer", "k2 set local answer of ours", "k2 add c1"]
    );
}

#[test]
fn the_polite_side_does_not_set_an_offer_that_it_would_take_back() {
    let mut hand = Hand::joined(&["zoe"]);
    hand.negotiation_needed(2);
    hand.description("zoe", &sdp(Offer, "zoes"));
    hand.said();
    hand.step_succeeds();
    assert_eq!(hand.said(), ["k2 set remote offer of zoes"]);
}

#[test]
fn the_polite_side_rolls_back_an_offer_that_was_being_set() {
    let mut hand = Hand::joined(&["zoe"]);
    hand.negotiation_needed(2);
    hand.step_succeeds();
    hand.gathered(2, "ours");
    hand.description("zoe", &sdp(Offer, "zoes"));
    hand.said();
    hand.step_succeeds();
    assert_eq!(hand.said_about("k2"), ["k2 roll back"]);
    hand.step_succeeds();
    assert_eq!(hand.said(), ["k2 set remote offer of zoes"]);
}

#[test]
fn the_impolite_side_ignores_the_offer_and_its_candidates() {
    let mut hand = Hand::joined(&["bob"]);
    hand.offers(2);
    hand.said();
    hand.description("bob", &sdp(Offer, "bobs"));
    hand.remote_candidate("bob", "c1");
    assert_eq!(hand.said(), [""; 0]);
    hand.description("bob", &sdp(Answer, "bobs"));
    assert_eq!(hand.said(), ["k2 set remote answer of bobs"]);
    hand.step_succeeds();
    hand.state(2, ConnectionState::Connected);
    hand.said();
    hand.pass(10 * ANSWER_TIMEOUT_MS);
    assert_eq!(hand.said_about("offer"), [""; 0]);
}

#[test]
fn a_candidate_of_what_was_agreed_on_is_not_ignored_with_an_offer() {
    let mut hand = Hand::joined(&["bob"]);
    hand.description("bob", &sdp(Offer, "bobs"));
    hand.steps_succeed();
    hand.offers(2);
    hand.description("bob", &sdp(Offer, "bobs"));
    hand.said();
    hand.remote_candidate("bob", "late");
    assert_eq!(hand.said(), ["k2 add late"]);
    // One that belonged to the ignored offer after all is refused, and nobody needs to know.
    hand.remote_candidate("bob", "c1");
    hand.step_succeeds();
    hand.step_fails();
    assert_eq!(hand.said(), ["k2 add c1"]);
}

#[test]
fn the_impolite_side_takes_the_offer_it_ignored_when_its_own_stays_unanswered() {
    let mut hand = Hand::joined(&["bob"]);
    hand.offers(2);
    hand.description("bob", &sdp(Offer, "bobs"));
    hand.remote_candidate("bob", "c1");
    hand.said();
    hand.pass(ANSWER_TIMEOUT_MS - 1);
    assert_eq!(hand.said(), [""; 0]);
    hand.pass(1);
    assert_eq!(hand.said(), ["k2 roll back"]);
    hand.step_succeeds();
    assert_eq!(hand.said(), ["k2 set remote offer of bobs"]);
    hand.steps_succeed();
    assert_eq!(hand.said_about("add"), ["k2 add c1"]);
}

#[test]
fn an_offer_that_was_rolled_back_is_made_again_when_the_connection_asks_for_it() {
    let mut hand = Hand::joined(&["zoe"]);
    hand.offers(2);
    hand.gathered(2, "ours");
    hand.description("zoe", &sdp(Offer, "zoes"));
    hand.steps_succeed();
    hand.said();
    hand.negotiation_needed(2);
    assert_eq!(hand.said(), ["k2 create offer"]);
}

// ---- what goes wrong

#[test]
fn an_offer_that_stays_unanswered_is_withdrawn_and_made_again_but_not_for_ever() {
    let mut hand = Hand::joined(&["bob"]);
    hand.offers(2);
    assert_eq!(sent(&mut hand), ["offer"]);
    let mut offers = 1;
    for _ in 0..20 {
        hand.pass(ANSWER_TIMEOUT_MS);
        hand.steps_succeed();
        offers += sent(&mut hand).len();
    }
    assert_eq!(offers, 8);
    // The remote moves after all.
    hand.description("bob", &sdp(Offer, "bobs"));
    hand.steps_succeed();
    hand.pass(FIRST_GATHERED_MS);
    assert_eq!(sent(&mut hand), ["answer"]);
}

#[test]
fn an_answer_to_an_offer_that_was_withdrawn_is_dropped() {
    let mut hand = Hand::joined(&["bob"]);
    hand.description("bob", &sdp(Answer, "bobs"));
    assert_eq!(hand.said(), [""; 0]);
    hand.offers(2);
    hand.pass(ANSWER_TIMEOUT_MS);
    hand.description("bob", &sdp(Answer, "bobs"));
    hand.said();
    hand.step_succeeds();
    // The answer came while we rolled back; the offer that follows is another.
    assert_eq!(hand.said(), ["k2 create offer"]);
}

#[test]
fn after_two_answers_to_two_offers_both_sides_agree_anew() {
    let mut hand = Hand::joined(&["bob"]);
    hand.offers(2);
    hand.pass(15_000);
    hand.steps_succeed();
    // The first may have been to the offer that was withdrawn.
    hand.description("bob", &sdp(SdpType::Answer, "bob"));
    hand.steps_succeed();
    hand.said();
    hand.description("bob", &sdp(SdpType::Answer, "bob"));
    hand.steps_succeed();
    assert_eq!(hand.logs.last(), Some(&"dropped an answer to a withdrawn offer"));
    assert_eq!(sent(&mut hand), ["offer"]);
    hand.description("bob", &sdp(SdpType::Answer, "bob"));
    hand.steps_succeed();
    assert_eq!(sent(&mut hand), [""; 0], "and that is that");
}

#[test]
fn an_answer_with_other_sections_than_our_offer_is_to_another_one() {
    let mut hand = Hand::joined(&["bob"]);
    hand.sections = "v".into();
    hand.offers(2);
    hand.sections = "vv".into();
    hand.pass(ANSWER_TIMEOUT_MS);
    hand.steps_succeed();
    hand.said();
    for others in ["v", "vd", "vvv"] {
        hand.description("bob", &sections(Answer, "others", others));
        assert_eq!(hand.said(), [""; 0], "{others}");
        assert_eq!(hand.logs.last(), Some(&"dropped an answer to a withdrawn offer"));
    }
    hand.description("bob", &sections(Answer, "bobs", "vv"));
    assert_eq!(hand.said(), ["k2 set remote answer of bobs"]);
    hand.steps_succeed();
    assert_eq!(hand.said(), [""; 0]);
}

#[test]
fn an_answer_that_is_refused_withdraws_the_offer_and_a_few_more_are_tried() {
    let mut hand = Hand::joined(&["bob"]);
    let mut offers = 0;
    hand.offers(2);
    for _ in 0..10 {
        offers += sent(&mut hand).len();
        hand.description("bob", &sdp(Answer, "bobs"));
        if hand.said_about("set remote").is_empty() {
            break;
        }
        hand.step_fails();
        assert_eq!(hand.said(), [r#"r1 negotiation error "refused""#, "k2 roll back"]);
        hand.steps_succeed();
    }
    assert_eq!(offers, 3);
}

#[test]
fn an_offer_that_is_refused_does_not_swallow_ours() {
    // Polite: we had dropped our offer in favour of theirs.
    let mut hand = Hand::joined(&["zoe"]);
    hand.negotiation_needed(2);
    hand.description("zoe", &sdp(Offer, "zoes"));
    hand.step_succeeds();
    hand.said();
    hand.step_fails();
    assert_eq!(hand.said(), [r#"r1 negotiation error "refused""#, "k2 create offer"]);

    // The same after a rollback.
    let mut hand = Hand::joined(&["zoe"]);
    hand.offers(2);
    hand.gathered(2, "ours");
    hand.description("zoe", &sdp(Offer, "zoes"));
    hand.step_succeeds();
    hand.said();
    hand.step_fails();
    assert_eq!(hand.said(), [r#"r1 negotiation error "refused""#, "k2 create offer"]);
}

#[test]
fn an_offer_that_cannot_be_created_is_tried_a_few_times() {
    let mut hand = Hand::joined(&["bob"]);
    hand.negotiation_needed(2);
    let mut attempts = 0;
    while !hand.said_about("create offer").is_empty() {
        attempts += 1;
        hand.step_fails();
    }
    assert_eq!(attempts, 3);
    hand.negotiation_needed(2);
    assert_eq!(hand.said(), ["k2 create offer"]);
}

#[test]
fn ten_needs_in_a_row_end_in_an_offer_that_covers_the_last() {
    let mut hand = Hand::joined(&["bob"]);
    hand.offers(2);
    for _ in 0..10 {
        hand.negotiation_needed(2);
    }
    assert_eq!(sent(&mut hand), ["offer"]);
    hand.description("bob", &sdp(Answer, "bobs"));
    hand.steps_succeed();
    assert_eq!(sent(&mut hand), ["offer"]);
    hand.description("bob", &sdp(Answer, "bobs"));
    hand.steps_succeed();
    assert_eq!(sent(&mut hand), [""; 0]);
}

// ---- the remote has another connection

#[test]
fn a_description_of_another_connection_replaces_ours() {
    let mut hand = Hand::joined(&["bob"]);
    hand.description("bob", &sdp(Offer, "bobs"));
    hand.steps_succeed();
    hand.said();
    // The same connection again: a renegotiation.
    hand.description("bob", &sdp(Offer, "bobs"));
    assert_eq!(hand.said(), ["k2 set remote offer of bobs"]);
    hand.steps_succeed();
    hand.said();
    hand.description("bob", &sdp(Offer, "new"));
    assert_eq!(hand.said(), ["k2 close", "k9 to r1 bob", "r1 reset", "k9 set remote offer of new"]);
}

#[test]
fn what_follows_a_description_of_another_connection_is_not_lost() {
    let mut hand = Hand::joined(&["bob"]);
    hand.description("bob", &sdp(Offer, "bobs"));
    hand.steps_succeed();
    // While a step of ours is under way, the remote's new connection offers and trickles.
    hand.negotiation_needed(2);
    hand.description("bob", &sdp(Offer, "new"));
    hand.remote_candidate("bob", "c1");
    hand.remote_candidate("bob", "c2");
    hand.said();
    hand.steps_succeed();
    let added = hand.said_about("add");
    assert_eq!(added.len(), 2, "{added:?}");
    assert!(added[0].ends_with("add c1") && added[1].ends_with("add c2"), "{added:?}");
}

#[test]
fn steps_of_a_connection_that_was_replaced_end_unheard() {
    let mut hand = Hand::joined(&["bob"]);
    hand.negotiation_needed(2);
    hand.drop_socket(1006);
    hand.comes_back("me");
    hand.presence(&["bob"], &[]);
    hand.said();
    hand.connection(
        2,
        metered_core::ConnectionEvent::Done(
            metered_core::OperationId(3),
            Ok(metered_core::Outcome::Created(sdp(Offer, "ours"))),
        ),
    );
    assert_eq!(hand.said(), [""; 0]);
}

#[test]
fn an_offer_awaits_no_answer_once_its_connection_is_gone() {
    let mut hand = Hand::joined(&["bob"]);
    hand.offers(2);
    hand.presence(&[], &["bob"]);
    hand.said();
    hand.pass(ANSWER_TIMEOUT_MS);
    assert_eq!(hand.said_about("k2"), [""; 0]);
}

#[test]
fn an_offer_that_comes_again_gets_the_answer_that_it_had_and_changes_nothing() {
    let mut hand = Hand::joined(&["zoe"]);
    let (offer, answer) = (sdp(Offer, "zoes"), sdp(Answer, "zoes"));
    hand.description_as_is("zoe", &offer);
    hand.steps_succeed();
    assert_eq!(sent(&mut hand), ["answer"]);
    hand.offers(2);
    hand.said();
    hand.description_as_is("zoe", &offer);
    let said = hand.said();
    assert!(said.iter().all(|line| line.starts_with("send ")) && said.len() == 1, "{said:?}");
    hand.description_as_is("zoe", &answer);
    assert_eq!(hand.said_about("k2"), ["k2 set remote answer of zoes"], "our own offer waits as before");
    hand.step_succeeds();
    hand.offers(2);
    hand.said();
    hand.description_as_is("zoe", &answer);
    assert_eq!(hand.said(), [""; 0], "an answer that comes again answers no other offer");
}

// ---- a first data section

/// A description with sections.
fn sections(kind: SdpType, maker: &str, kinds: &str) -> Description {
    let Description { kind, sdp } = sdp(kind, maker);
    Description { kind, sdp: format!("{}{sdp}", hand::sections(kinds)) }
}

/// We have offered these sections to zoe, to whom we are polite.
fn offering(kinds: &str) -> Hand {
    let mut hand = Hand::joined(&["zoe"]);
    hand.sections = kinds.into();
    hand.offers(2);
    hand.gathered(2, "ours");
    hand.said();
    hand
}

#[test]
fn a_first_data_section_survives_a_rollback_where_the_remote_offers_it_in_the_same_place() {
    let mut hand = offering("vd");
    hand.description("zoe", &sections(Offer, "zoes", "vd"));
    assert_eq!(hand.said_about("k"), ["k2 roll back"]);
}

#[test]
fn a_connection_gives_way_with_an_offer_whose_first_data_section_the_remotes_does_not_have_there() {
    for theirs in ["d", "v", "vvd"] {
        let mut hand = offering("vd");
        hand.remote_candidate("zoe", "early");
        hand.description("zoe", &sections(Offer, "zoes", theirs));
        hand.remote_candidate("zoe", "late");
        assert_eq!(
            hand.said_about("k"),
            ["k2 close", "k5 to r1 zoe", "k5 set remote offer of zoes"],
            "{theirs}"
        );
        hand.steps_succeed();
        assert_eq!(hand.said_about("add "), ["k5 add early", "k5 add late"], "{theirs}");
    }
}

#[test]
fn an_offer_with_a_first_data_section_is_sent_again_and_not_made_again() {
    let mut hand = offering("d");
    let mut offers = 1;
    for _ in 0..20 {
        hand.pass(ANSWER_TIMEOUT_MS);
        offers += sent(&mut hand).iter().filter(|what| **what == "offer").count();
    }
    assert_eq!(offers, 8);
    hand.description("zoe", &sections(Answer, "zoes", "d"));
    assert_eq!(hand.said_about("k2"), ["k2 set remote answer of zoes"]);
}

#[test]
fn an_offer_of_nothing_is_answered_by_nothing_and_the_connection_does_not_see_it() {
    let nothing = Description { kind: Offer, sdp: "v=0\r\na=group:BUNDLE \r\n".into() };
    let mut hand = Hand::joined(&["zoe"]);
    hand.description("zoe", &nothing);
    assert_eq!(sent(&mut hand), ["answer"]);
    assert_eq!(hand.steps_under_way(), 0);
    // An offer of ours that it had to ignore goes out once more, for now it can be taken.
    let mut hand = offering("d");
    hand.description("zoe", &nothing);
    assert_eq!(sent(&mut hand), ["answer", "offer", "candidate"]);
}
