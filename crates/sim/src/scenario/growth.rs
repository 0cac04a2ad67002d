//! What one peer costs in a room that grows, where nothing goes wrong.
//!
//! A room meets; one more comes and meets everybody; then each of the others says one thing to all. What the core of the
//! one has done meanwhile is counted.

use std::time::Duration;

use metered_core::Instant;

use super::rooms;
use crate::client::{Client, Cost};
use crate::kernel::{Kernel, START};
use crate::plan::Plan;
use crate::world::World;

/// When the last one comes, in milliseconds: later than the largest room has met.
const LAST_AFTER_MS: u64 = 100_000;

/// So long the last one may take to meet everybody.
const PATIENCE_MS: u64 = 100_000;

/// So long what is said may take to arrive.
const HEARD_MS: u64 = 2_000;

/// How often is looked whether that is so.
const LOOK_MS: u64 = 500;

/// What the core of one peer has done, and the world that it was in.
#[derive(Debug)]
pub struct Growth {
    /// From its start until it was connected with everybody.
    pub join: Cost,
    /// Of the messages, one from each other.
    pub messages: Cost,
    /// How long it took to be connected with everybody, in milliseconds of that world, rounded up to half a second.
    pub joined_after: u64,
    /// Events of the world.
    pub events: u64,
    /// The one that was watched.
    pub client: Client,
}

/// Lets a room of so many meet. `clock` tells how long a core works; `Duration::default` for who does not ask.
///
/// Fails with what is missing, if that does not come about.
pub fn grow(count: usize, clock: fn() -> Duration) -> Result<Growth, String> {
    let mut world = World::of(Plan::mesh(count, LAST_AFTER_MS), Kernel::new(1, false));
    world.out.clock = clock;
    let last = count - 1;
    let came = START.after(LAST_AFTER_MS);
    run_until(&mut world, came)?;
    let joined = run_until_met(&mut world, came)?;
    let join = world.clients[last].cost;

    let World { out, clients, channel, .. } = &mut world;
    let said: Vec<_> = clients[..last].iter_mut().map(|client| client.say(out, None, channel)).collect();
    let heard = world.out.kernel.now.after(HEARD_MS);
    run_until(&mut world, heard)?;
    let client = world.clients.pop().ok_or("a room has somebody")?;
    if let Some(missed) = said.iter().find(|message| !client.watch.messages.has_seen(message)) {
        return Err(format!("{missed} has not arrived"));
    }
    let messages = Cost {
        inputs: client.cost.inputs - join.inputs,
        outputs: client.cost.outputs - join.outputs,
        time: client.cost.time - join.time,
    };
    let events = world.out.kernel.events;
    Ok(Growth { join, messages, joined_after: joined.since(came), events, client })
}

fn run_until(world: &mut World, end: Instant) -> Result<(), String> {
    while world.out.kernel.now < end {
        let Some(event) = world.out.kernel.advance() else {
            return Err("nothing happens any more".to_owned());
        };
        world.handle(event);
        if let Some(violation) = world.out.kernel.violation() {
            return Err(violation.to_string());
        }
    }
    Ok(())
}

/// When everybody is with everybody.
fn run_until_met(world: &mut World, came: Instant) -> Result<Instant, String> {
    let mut at = came;
    loop {
        at = at.after(LOOK_MS);
        run_until(world, at)?;
        match rooms::check(world) {
            Ok(()) => return Ok(at),
            Err(missing) if at.since(came) > PATIENCE_MS => return Err(missing),
            Err(_) => {}
        }
    }
}
