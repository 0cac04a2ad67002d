// An application as the README has it. Works in Node and in a page, with this package and with the official SDK.

/**
 * Lets a peer echo whatever comes through a channel that somebody opens to it. With `opens`, it opens one itself to
 * everybody, says hello, and opens it again when the connection is a new one. Answers how many echoes came.
 */
export const talk = (peer, DataChannel, opens) => {
  const echoes = { count: 0 };
  peer.on("peer-joined", ({ peer: remote }) => {
    remote.on("data-channel", ({ channel }) => {
      const dc = new DataChannel(channel);
      dc.on("message", ({ data }) => dc.send(data));
    });
    if (!opens) return;
    const open = () => {
      const dc = new DataChannel((remote.createDataChannel ? remote : remote.pc).createDataChannel("talk"));
      dc.on("open", () => dc.send("hello"));
      dc.on("message", () => { echoes.count += 1; });
    };
    open();
    remote.on("connection-reset", open); // a new connection has no channels yet
  });
  return echoes;
};
