// Telemetry on data tracks: 60 frames a second, of which only the newest are worth something.
//
// A frame is a few 32-bit floats between −1 and 1, little endian: ours are a wave and the height of our pointer in the page.

import { button, element } from "./dom.js";
import { note } from "./log.js";
import { plot } from "./plot.js";

const TRACK = "telemetry";
const FRAMES_PER_SECOND = 60;
const MOST_VALUES = 3;
/** How long a reader that is told to be slow takes for a frame, and how many wait for it meanwhile. */
const SLOW_MS = 200;
const BUFFER = 4;

/** Publishes until `stop()`. `element` shows what is sent. */
export const publishTelemetry = (peer) => {
  const track = peer.publishDataTrack({ name: TRACK });
  const ticker = new Worker("ticker.js");
  const lines = plot("Your telemetry: a wave, and your pointer");
  const counts = element("p", { class: "quiet" });
  const view = element("figure", { class: "telemetry" }, element("figcaption", {}, "Telemetry"), lines.canvas, counts);
  let pointer = 0;
  const follow = ({ clientY }) => { pointer = 1 - (2 * clientY) / innerHeight; };
  addEventListener("pointermove", follow);
  let n = 0;
  ticker.addEventListener("message", () => {
    const angle = (n += 1) / 20;
    const values = Float32Array.of(0.7 * Math.sin(angle) + 0.2 * Math.sin(angle * 5.3), pointer);
    try {
      track.tryPush({ payload: values });
    } catch {
      return; // the room is not joined: the next frame will do
    }
    lines.add([...values]);
    if (n % 15 === 0) counts.textContent = `${track.stats.framesSent} sent to ${track.stats.subscribers} · ${track.stats.framesDropped} dropped`;
  });
  ticker.postMessage(FRAMES_PER_SECOND);
  return {
    element: view,
    stop() {
      ticker.terminate();
      removeEventListener("pointermove", follow);
      view.remove();
      track.unpublish();
    },
  };
};

/** Reads a track of somebody called `name()` and draws it, until it ends; `onEnd()` is called then. */
export const readTelemetry = (track, name, onEnd) => {
  const stream = track.subscribe({ bufferSize: BUFFER });
  const lines = plot(`Telemetry of ${name()}`);
  const counts = element("p", { class: "quiet" });
  let isSlow = false;
  const slow = button("Read slowly", {
    class: "small",
    "aria-pressed": "false",
    accessibleName: `Read the telemetry of ${name()} slowly`,
    onClick: () => {
      isSlow = !isSlow;
      slow.ariaPressed = String(isSlow);
    },
  });
  const view = element("figure", { class: "telemetry" }, element("figcaption", {}, "Telemetry", slow), lines.canvas, counts);

  let frames = 0;
  let before = 0;
  const timer = setInterval(() => {
    const { framesOverflowed, framesIncomplete, packetsLate } = track.stats;
    counts.textContent = `${frames - before} frames/s · ${framesOverflowed + framesIncomplete + packetsLate} dropped`;
    before = frames;
  }, 1000);

  const read = async () => {
    for await (const { payload } of stream) {
      frames += 1;
      lines.add(valuesOf(payload));
      if (isSlow) await new Promise((resolve) => setTimeout(resolve, SLOW_MS));
    }
  };
  read()
    .catch((error) => note(`Telemetry of ${name()}: ${error.message}`))
    .finally(() => {
      clearInterval(timer);
      view.remove();
      onEnd();
    });
  return { element: view, stop: () => stream.close() };
};

/** The floats at the beginning of a payload. */
const valuesOf = (payload) => {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  const count = Math.min(MOST_VALUES, Math.floor(payload.byteLength / 4));
  return Array.from({ length: count }, (_, index) => view.getFloat32(4 * index, true));
};
