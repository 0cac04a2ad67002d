// A picture that is drawn rather than filmed: colour bars, a dial that turns, and the time.

const [WIDTH, HEIGHT] = [640, 360];
const FRAMES_PER_SECOND = 25;
const BARS = ["#e5e5e5", "#d9c94a", "#4fc3c9", "#59b86a", "#b46bb5", "#cf5b4c", "#4a62c4"];

/** A stream of it, until its track ends. */
export const testPicture = () => {
  const canvas = Object.assign(document.createElement("canvas"), { width: WIDTH, height: HEIGHT });
  const context = canvas.getContext("2d");
  let track;
  const draw = () => {
    // `stop()` fires no event.
    if (track?.readyState === "ended") return clearInterval(timer);
    const width = WIDTH / BARS.length;
    BARS.forEach((colour, index) => {
      context.fillStyle = colour;
      context.fillRect(index * width, 0, width + 1, HEIGHT);
    });
    context.fillStyle = "#10201dcc";
    context.beginPath();
    context.roundRect(WIDTH / 2 - 130, HEIGHT / 2 - 110, 260, 220, 24);
    context.fill();
    const angle = ((Date.now() % 2000) / 1000) * Math.PI;
    context.lineWidth = 10;
    context.lineCap = "round";
    context.strokeStyle = "#ffffff40";
    context.beginPath();
    context.arc(WIDTH / 2, HEIGHT / 2 - 24, 56, 0, 2 * Math.PI);
    context.stroke();
    context.strokeStyle = "#5ccabb";
    context.beginPath();
    context.arc(WIDTH / 2, HEIGHT / 2 - 24, 56, angle, angle + Math.PI / 2);
    context.stroke();
    context.fillStyle = "#fff";
    context.font = "600 36px system-ui, sans-serif";
    context.textAlign = "center";
    context.fillText(new Date().toLocaleTimeString([], { timeStyle: "medium", hourCycle: "h23" }), WIDTH / 2, HEIGHT / 2 + 84);
    return undefined;
  };
  draw();
  const timer = setInterval(draw, 1000 / FRAMES_PER_SECOND);
  const stream = canvas.captureStream(FRAMES_PER_SECOND);
  track = stream.getTracks()[0];
  return stream;
};
