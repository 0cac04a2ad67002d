// Connections in Node whose channels of data tracks a test can listen to, alter and speak into.

import wrtc from "@roamhq/wrtc";

/**
 * What to pass as options, and the channels that are made with them, the latest last. `send` is what a packet goes
 * through: it may answer another one, several, or none. `listeners` is how many listeners channels have.
 */
export const tapped = () => {
  const tap = { channels: [], controls: [], packets: [], listeners: 0, send: (packet) => [packet] };
  tap.rtcPeerConnectionFactory = (config) => {
    const pc = new wrtc.RTCPeerConnection(config);
    const create = pc.createDataChannel.bind(pc);
    pc.createDataChannel = (label, init) => {
      const channel = create(label, init);
      for (const [name, by] of [["addEventListener", 1], ["removeEventListener", -1]]) {
        const original = channel[name].bind(channel);
        channel[name] = (...args) => {
          tap.listeners += by;
          original(...args);
        };
      }
      if (label === "metered:control") tap.controls.push({ send: channel.send.bind(channel) });
      if (label !== "metered:frames") return channel;
      const raw = channel.send.bind(channel);
      channel.send = (packet) => {
        const copy = new Uint8Array(packet);
        tap.packets.push(copy);
        for (const altered of tap.send(copy)) raw(altered);
      };
      tap.channels.push({ pc, send: raw });
      return channel;
    };
    return pc;
  };
  return tap;
};
