// Peers that come and go, channels that open and close, and what is left of them. Works in Node and in a page.
// Import this before the package: it counts what is made.

import { wasmBytes } from "./wasm-memory.mjs";

const timers = new Set();
const { setTimeout: set, clearTimeout: clear } = globalThis;
globalThis.setTimeout = (handler, ...args) => {
  const timer = set((...values) => {
    timers.delete(timer);
    handler(...values);
  }, ...args);
  timers.add(timer);
  return timer;
};
globalThis.clearTimeout = (timer) => {
  timers.delete(timer);
  clear(timer);
};

/** What the options make a peer use, counted. */
const counted = ({ newSocket, newConnection }) => {
  const sockets = new Set();
  const connections = new Set();
  return {
    sockets,
    connections,
    made: 0,
    options() {
      return {
        webSocketFactory: (url) => {
          const socket = newSocket(url);
          sockets.add(socket);
          socket.addEventListener("close", () => sockets.delete(socket));
          return socket;
        },
        rtcPeerConnectionFactory: (config) => {
          const pc = newConnection(config);
          this.made += 1;
          connections.add(pc);
          const { close } = pc;
          pc.close = () => {
            connections.delete(pc);
            close.call(pc);
          };
          return pc;
        },
      };
    },
  };
};

/** `world` says how the package is loaded, how a socket and a connection are made, how to get in, and how to collect garbage. */
export const cycles = async (world) => {
  const { DataChannel, MeteredPeer } = await world.load();
  const { once } = await import("./wait.mjs");
  const use = counted(world);

  const join = async (channel) => {
    const peer = new MeteredPeer({ ...world.access, ...use.options() });
    await peer.join(channel);
    return peer;
  };
  const remoteOf = async (peer, id) => peer.remotePeers.find((remote) => remote.id === id)
    ?? (await once(peer, "peer-joined", { filter: (event) => event.peer.id === id })).peer;
  const meet = async () => {
    const channel = `leaks-${crypto.randomUUID()}`;
    const [a, b] = [await join(channel), await join(channel)];
    const [toB, toA] = await Promise.all([remoteOf(a, b.peerId), remoteOf(b, a.peerId)]);
    toA.on("data-channel", ({ channel }) => {
      const theirs = new DataChannel(channel);
      theirs.on("message", ({ data }) => theirs.send(data));
    });
    return { a, b, toB };
  };
  /** Opens a channel, hears an echo, and closes it. */
  const talk = async ({ toB }) => {
    const channel = new DataChannel(toB.createDataChannel("cycle"));
    const echo = once(channel, "message");
    if (channel.readyState !== "open") await once(channel, "open");
    await channel.send("x");
    await echo;
    const closed = once(channel, "close");
    channel.close();
    await closed;
  };
  const part = async ({ a, b }) => {
    await Promise.all([a.close(), b.close()]);
  };

  /** Collects garbage until finalizers, and what they let go of, have had their turn. */
  const collect = async () => {
    for (let i = 0; i < 4; i += 1) {
      world.gc();
      await new Promise((resolve) => set(resolve, 10));
    }
  };
  /** Does something `count` times, `width` at a time. Memory of wasm is free again when the garbage is collected. */
  const inBatches = async (count, width, act) => {
    for (let done = 0; done < count; done += width) {
      await Promise.all(Array.from({ length: Math.min(width, count - done) }, act));
      if (done % (10 * width) === 0) await collect();
    }
  };
  const collected = async () => {
    await collect();
    return {
      wasmBytes: wasmBytes(),
      timers: timers.size,
      sockets: use.sockets.size,
      openConnections: use.connections.size,
      connectionsMade: use.made,
      heapBytes: world.heapBytes(),
    };
  };

  let lasting;
  return {
    /** Pairs of peers join, talk and leave, several at a time. */
    joins: async (count, width) => {
      await inBatches(count, width, async () => {
        const met = await meet();
        await talk(met);
        await part(met);
      });
      return collected();
    },
    /** Channels open, carry a message and close, on one connection. */
    channels: async (count, width) => {
      lasting ??= await meet();
      await inBatches(count, width, () => talk(lasting));
      return collected();
    },
    end: async () => {
      if (lasting) await part(lasting);
      lasting = undefined;
      return collected();
    },
  };
};
