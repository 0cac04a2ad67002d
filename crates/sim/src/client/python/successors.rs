//! What becomes of a connection that failed, or that an offer has made useless: another one takes its place.

use metered_core::ConnectionState;

use super::{Hold, Job, Recovery, Said};
use crate::app::App;
use crate::plan::Stack;
use crate::webrtc::Owner;

/// Pauses before the successors of a connection that failed. After the last one it gives up.
const PAUSES_MS: [u64; 9] = [0, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000];
/// How long an application takes to find out that there is another connection.
const FINDS_OUT: (u64, u64) = (0, 40);

impl Hold<'_> {
    pub(super) fn changed(&mut self, state: ConnectionState) {
        match state {
            ConnectionState::Connected => {
                let me = self.me();
                me.attempts = 0;
                me.state = state;
                if matches!(me.recovery, Recovery::Probing(_)) {
                    me.recovery = Recovery::Idle;
                }
                self.report(state);
                self.find_out();
            }
            ConnectionState::Failed => {
                self.lost();
                if self.me().recovery == Recovery::Idle {
                    self.recover();
                }
            }
            // aiortc does not know `disconnected`.
            _ => {}
        }
    }

    /// There is no connection any more.
    fn lost(&mut self) {
        let me = self.me();
        let was_connected = me.state == ConnectionState::Connected;
        me.state = ConnectionState::Failed;
        if was_connected {
            self.report(ConnectionState::Disconnected);
        }
    }

    fn report(&mut self, state: ConnectionState) {
        self.said.push(Said::State(state));
    }

    pub(super) fn recover(&mut self) {
        let me = self.me();
        let Some(pause) = PAUSES_MS.get(me.attempts).copied() else {
            me.recovery = Recovery::Idle;
            self.out.kernel.saw("Python gave up");
            return;
        };
        me.attempts += 1;
        if pause == 0 {
            self.recover_now();
        } else {
            let tick = self.after(pause);
            self.me().recovery = Recovery::Pausing(tick);
        }
    }

    pub(super) fn recover_now(&mut self) {
        let me = self.me();
        if me.state == ConnectionState::Connected {
            me.recovery = Recovery::Idle;
        } else {
            me.recovery = Recovery::Rebuilding;
            self.push(Job::Rebuild);
        }
    }

    pub(super) fn rebuild(&mut self) {
        self.out.kernel.saw("Python built a connection anew");
        if self.me().state == ConnectionState::Connected {
            self.lost();
        }
        let old = self.me().pc;
        let tracks = self.out.webrtc.connection(old).map_or(0, |pc| pc.signaling.transceivers.len());
        let owner = Owner { who: self.client.who, connection: self.id };
        let pc = self.out.webrtc.create(&self.out.kernel, owner, Stack::ExplicitRollback);
        self.out.kernel.note(format_args!("{} connection {} is pc {} now", owner.who, self.id.0, pc.0));
        self.client.connections.insert(self.id, pc);
        let me = self.me();
        me.pc = pc;
        (me.candidates, me.has_gathered) = (Vec::new(), false);
        (me.ever_negotiated, me.has_heard, me.has_remote) = (false, false, false);
        (me.remote_ufrag, me.has_followed_up) = (None, false);
        for _ in 0..tracks {
            self.out.webrtc.add_transceiver(&mut self.out.kernel, pc);
        }
        self.out.webrtc.close(&mut self.out.kernel, old);
        self.wake();
        // Before it was ever connected, a connection is changed without a word.
        if self.me().state == ConnectionState::Failed {
            self.find_out();
        }
    }

    /// The application is told of another state, looks for another connection, and opens there what it had opened.
    fn find_out(&mut self) {
        let ms = self.out.kernel.dice.between(FINDS_OUT);
        let tick = self.after(ms);
        self.me().reopens = Some(tick);
    }

    pub(super) fn reopen(&mut self) {
        self.me().reopens = None;
        let (pc, remote) = (self.me().pc, self.me().remote.clone());
        if self.out.webrtc.connection(pc).is_some_and(|pc| pc.channels.is_empty())
            && self.client.core.peer_id().is_some_and(|own| App::opens(self.out.plan.opener, own, &remote))
        {
            self.out.webrtc.create_channel(&mut self.out.kernel, pc);
            self.schedule();
        }
    }
}
