// Streams that a page makes for itself, and a look at what arrives of them. For pages only.

import { until, within } from "./wait.mjs";

/** A stream with a picture that changes all the time, of this colour, and a tone. `stop()` ends both. */
export const liveStream = (colour) => {
  const canvas = Object.assign(document.createElement("canvas"), { width: 160, height: 120 });
  const context = canvas.getContext("2d");
  let n = 0;
  const draw = () => {
    context.fillStyle = colour;
    context.fillRect(0, 0, 160, 120);
    context.fillStyle = "black";
    context.fillRect((n += 5) % 160, 0, 5, 120);
  };
  draw();
  const timer = setInterval(draw, 40);
  const audio = new AudioContext();
  const tone = audio.createOscillator();
  const output = audio.createMediaStreamDestination();
  tone.connect(output);
  tone.start();
  const stream = new MediaStream([...canvas.captureStream(25).getTracks(), ...output.stream.getTracks()]);
  const stop = () => {
    clearInterval(timer);
    for (const track of stream.getTracks()) track.stop();
    return audio.close();
  };
  return { stream, stop };
};

/** Plays a stream, and answers which of red, green and blue its picture is once several frames have come. */
export const colourOf = async (stream) => {
  const video = Object.assign(document.createElement("video"), { muted: true, srcObject: stream });
  document.body.append(video);
  try {
    await within(video.play(), "the video to play");
    const frame = () => within(new Promise((resolve) => video.requestVideoFrameCallback(resolve)), "a frame");
    const first = await frame();
    let last;
    do last = await frame(); while (last.presentedFrames - first.presentedFrames < 5);
    const canvas = Object.assign(document.createElement("canvas"), { width: 16, height: 12 });
    const context = canvas.getContext("2d");
    context.drawImage(video, 0, 0, 16, 12);
    const sums = [0, 0, 0];
    context.getImageData(0, 0, 16, 12).data.forEach((value, at) => at % 4 < 3 && (sums[at % 4] += value));
    return ["red", "green", "blue"][sums.indexOf(Math.max(...sums))];
  } finally {
    video.remove();
  }
};

/** Waits until bytes of both kinds come over a connection. */
export const bothKindsArrive = (pc) => until(async () => {
  const reports = [...(await pc.getStats()).values()].filter(({ type, bytesReceived }) => type === "inbound-rtp" && bytesReceived > 0);
  return new Set(reports.map(({ kind }) => kind)).size === 2;
}, "sound and picture");
