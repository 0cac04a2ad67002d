//! What is done to the frames of bare clients on their way, as the plan's [`Mischief`] says.

use metered_server::hub::Frame;

use crate::kernel::Kernel;
use crate::network::{Down, LinkId, Network};
use crate::plan::{Mischief, Plan};

/// How far a straggler falls behind.
const BEHIND: (u64, u64) = (1, 600);

/// Sends a frame to a client, or what mischief makes of it.
pub fn send(kernel: &mut Kernel, network: &mut Network, plan: &Plan, link: LinkId, frame: Frame) {
    let Mischief { lost, twins, stragglers } = plan.mischief;
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
