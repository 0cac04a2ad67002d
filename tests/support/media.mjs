// Tracks that nobody films or records: generated ones in Node, and stand-ins for both ends of a connection.

import wrtc from "@roamhq/wrtc";
import { FakeConnection, Target } from "./fakes.mjs";

const { MediaStream, nonstandard } = wrtc;

/** A stream of generated tracks that end with the test. */
export const generatedStream = (t, ...kinds) => {
  const stream = new MediaStream();
  const sources = { audio: () => new nonstandard.RTCAudioSource(), video: () => new nonstandard.RTCVideoSource() };
  for (const kind of kinds) {
    const track = sources[kind]().createTrack();
    t.after(() => track.stop());
    stream.addTrack(track);
  }
  return stream;
};

/** A stream with a track that hums for as long as the test runs. */
export const hummingStream = (t) => {
  const source = new nonstandard.RTCAudioSource();
  const track = source.createTrack();
  const samples = Int16Array.from({ length: 480 }, (_, i) => 8_000 * Math.sin((2 * Math.PI * 500 * i) / 48_000));
  const tenMilliseconds = { samples, sampleRate: 48_000, bitsPerSample: 16, channelCount: 1, numberOfFrames: samples.length };
  const timer = setInterval(() => source.onData(tenMilliseconds), 10);
  t.after(() => {
    clearInterval(timer);
    track.stop();
  });
  return new MediaStream([track]);
};

/** The first picture that arrives on a video track. */
export const firstPicture = (t, track) => new Promise((resolve) => {
  const sink = new nonstandard.RTCVideoSink(track);
  t.after(() => sink.stop());
  sink.onframe = ({ frame }) => resolve(frame);
});

/** A MediaStreamTrack of which a test says when it ends. */
export class FakeTrack extends Target {
  id = crypto.randomUUID();

  constructor(kind) {
    super();
    this.kind = kind;
  }
}

/** A MediaStream of such tracks. */
export class FakeStream extends Target {
  id = crypto.randomUUID();

  constructor(...tracks) {
    super();
    this.tracks = tracks;
  }

  getTracks() {
    return [...this.tracks];
  }
}

/** An RTCPeerConnection that notes what is sent over it. `refuses` says which tracks its senders do not take. */
export class FakeMediaConnection extends FakeConnection {
  senders = [];
  refuses = () => false;

  addTrack(track, ...streams) {
    const sender = {
      track,
      streams,
      replaceTrack: async (next) => {
        if (this.refuses(next)) throw new TypeError("refused");
        sender.track = next;
      },
    };
    this.senders.push(sender);
    queueMicrotask(() => this.dispatch("negotiationneeded"));
    return sender;
  }

  removeTrack(sender) {
    this.senders.splice(this.senders.indexOf(sender), 1);
    queueMicrotask(() => this.dispatch("negotiationneeded"));
  }

  getSenders() {
    return [...this.senders];
  }

  /** The remote's track arrives. */
  receive(track, ...streams) {
    this.dispatch("track", { track, streams, transceiver: { currentDirection: null } });
  }
}
