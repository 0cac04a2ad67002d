//! What is done to the frames of bare clients on their way, as the plan's [`Mischief`] says.

use std::collections::BTreeMap;

use metered_core::limits::{ACK_TIMEOUT_MS, REPLAY_RETRIES};
use metered_protocol::{ErrorCode, RequestId, ServerError, ServerFrame};
use metered_server::hub::Frame;
use serde_json::Value as Json;

use crate::kernel::Kernel;
use crate::network::{Down, LinkId, Network};
use crate::plan::{Mischief, Plan};

/// How far a straggler falls behind.
const BEHIND: (u64, u64) = (1, 600);

/// How far a refusal falls behind that comes when its request may have been given up.
pub const TOO_LATE: (u64, u64) = (ACK_TIMEOUT_MS / 2, 2 * ACK_TIMEOUT_MS);

/// Sends a frame to a client, or what mischief makes of it.
pub fn send(kernel: &mut Kernel, network: &mut Network, plan: &Plan, link: LinkId, frame: Frame) {
    let Mischief { lost, twins, stragglers, .. } = plan.mischief;
    let kind = frame.split('"').nth(3).unwrap_or_default();
    let is_answer = matches!(kind, "ack" | "error");
    let is_loose = is_answer || matches!(kind, "pong" | "going_away");
    let may_repeat = is_loose || kind == "welcome" || (kind == "presence" && plan.resume_grace == 0);
    if is_answer && kernel.dice.percent(lost) {
        kernel.note(format_args!("     lost: {}", &*frame));
        kernel.saw("lost answer");
        return;
    }
    if may_repeat && kernel.dice.percent(twins) {
        kernel.saw("frame that came twice");
        network.send_down(kernel, plan, link, Down::Frame(frame.clone()));
    }
    if is_loose && kernel.dice.percent(stragglers) {
        kernel.saw("frame behind its successors");
        let behind = kernel.dice.between(BEHIND);
        network.send_behind(kernel, plan, link, Down::Frame(frame), behind);
    } else {
        network.send_down(kernel, plan, link, Down::Frame(frame));
    }
}

/// How often each connection's subscription to a channel was put off.
///
/// A client asks again as often as [`REPLAY_RETRIES`] says, and no server can expect more of it.
#[derive(Debug, Default)]
pub struct PutOff(BTreeMap<(LinkId, String), u32>);

impl PutOff {
    /// Refuses a request to subscribe, or leaves the frame to the hub. Answers whether it was refused.
    ///
    /// The refusal is not lost: whoever does not hear of it would have to take the subscription for made.
    pub fn refuse(
        &mut self,
        kernel: &mut Kernel,
        network: &mut Network,
        plan: &Plan,
        link: LinkId,
        text: &str,
    ) -> bool {
        if plan.mischief.put_off == 0 || !text.starts_with(r#"{"type":"subscribe""#) {
            return false;
        }
        let frame: Json = serde_json::from_str(text).unwrap_or_default();
        let (Some(channel), Some(id)) = (frame["channel"].as_str(), frame["requestId"].as_str()) else {
            return false;
        };
        let count = self.0.entry((link, channel.to_owned())).or_default();
        if *count == REPLAY_RETRIES || !kernel.dice.percent(plan.mischief.put_off) {
            return false;
        }
        *count += 1;
        let Ok(request_id) = RequestId::parse(id) else { return false };
        let error = ServerFrame::Error(ServerError {
            code: ErrorCode::BACKEND_ERROR,
            request_id: Some(request_id),
            message: Some("later".to_owned()),
        });
        kernel.saw("subscription that was put off");
        let frame = Down::Frame(Frame::encode(&error));
        if kernel.dice.percent(plan.mischief.stragglers) {
            let behind = kernel.dice.between(TOO_LATE);
            network.send_behind(kernel, plan, link, frame, behind);
        } else {
            network.send_down(kernel, plan, link, frame);
        }
        true
    }
}
