// What the compiler must refuse. A line below that compiles is an error itself.

import { DataChannel, DataTrackStream, LocalDataTrack, MeteredPeer, RemoteDataTrack, RemotePeer, ServerRequestError, SignallingClient, WsCloseCode } from "metered-realtime";

// @ts-expect-error: options are required
new SignallingClient();
// @ts-expect-error: the options' names are checked
new SignallingClient({ apikey: "k" });
// @ts-expect-error: a key is a string
new MeteredPeer({ apiKey: 5 });
// @ts-expect-error: `true` is no way to reconnect
new SignallingClient({ apiKey: "k", reconnect: true });
// @ts-expect-error: a provider gives strings
new SignallingClient({ tokenProvider: () => 5 });
// @ts-expect-error: delays are numbers
new SignallingClient({ apiKey: "k", reconnect: { initialDelayMs: "1" } });
// @ts-expect-error: remotes come from a room
new RemotePeer();
// @ts-expect-error: a channel is required
new DataChannel();
// @ts-expect-error: a room publishes tracks
new LocalDataTrack();
// @ts-expect-error: tracks come from a remote
new RemoteDataTrack();
// @ts-expect-error: streams come from a track
new DataTrackStream();

declare const client: SignallingClient;
declare const peer: MeteredPeer;
declare const idle: MeteredPeer;
declare const remote: RemotePeer;
declare const dc: DataChannel;
declare const track: LocalDataTrack;
declare const theirs: RemoteDataTrack;

// @ts-expect-error: there is no such event
client.on("connect", () => {});
// @ts-expect-error: a room has no presence event
peer.on("presence", () => {});
// @ts-expect-error: the payload has no such field
peer.on("peer-joined", ({ remote }) => remote);
// @ts-expect-error: a handler is a function
remote.on("state-change", {});
// @ts-expect-error: a state of the room is not one of a connection
remote.on("state-change", ({ to }) => to === "joined");
// @ts-expect-error: `open` has no payload
dc.on("open", ({ data }) => data);
// @ts-expect-error: state is read-only
client.state = "closed";
// @ts-expect-error: the id is read-only
peer.peerId = "me";
// @ts-expect-error: a payload is required
client.publish("channel");
// @ts-expect-error: a channel name is a string
client.subscribe(5);
// @ts-expect-error: an object is no payload of a data channel
dc.send({});
// @ts-expect-error: a Blob has to be read first
dc.trySend(new Blob([]));
// @ts-expect-error: the longest message is the other side's to say
dc.maxMessageSize = 1;
// @ts-expect-error: an object is no chunk of a data channel
dc.writable.getWriter().write({});
// @ts-expect-error: the peer may not be there
peer.remotePeer("x").send(1);
// @ts-expect-error: the id may not be known yet
const id: string = idle.peerId;
// @ts-expect-error: what comes from the network is unknown
client.on("direct", ({ data }) => data.text);
// @ts-expect-error: what comes from the network is unknown
peer.on("data", ({ data }) => data.length);
// @ts-expect-error: a track has a name
peer.publishDataTrack({});
// @ts-expect-error: a key is text or bytes
peer.setDataTrackKey(5);
// @ts-expect-error: a frame has a payload
track.tryPush({ userTimestamp: 1n });
// @ts-expect-error: a text is no payload of a frame
track.tryPush({ payload: "text" });
// @ts-expect-error: a timestamp is a bigint
track.tryPush({ payload: new Uint8Array(1), userTimestamp: 1 });
// @ts-expect-error: what a track is does not change
track.info.name = "other";
// @ts-expect-error: a size is a number
theirs.subscribe({ bufferSize: "1" });
// @ts-expect-error: a stream may have ended
theirs.subscribe().read().then((frame) => frame.payload);
// @ts-expect-error: a frame may have no timestamp
theirs.subscribe().next().then(({ value }) => value?.userTimestamp.toString());
// @ts-expect-error: the payload of an event is checked
peer.emit("joined", {});
// @ts-expect-error: an error's fields are read-only
new ServerRequestError("code", "1").code = "x";
// @ts-expect-error: codes are constants
WsCloseCode.GoingAway = 1;

export { id };
