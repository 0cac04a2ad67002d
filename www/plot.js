// A moving plot of a few values between −1 and 1, drawn when the screen is, and only if something has come.

const WINDOW = 300;
const MOST_LINES = 3;
const COLOURS = ["--accent", "--second", "--quiet"];

/** `canvas` for the page, and `add(values)` for the next point of each line. */
export const plot = (accessibleName) => {
  const canvas = document.createElement("canvas");
  canvas.className = "plot";
  canvas.role = "img";
  canvas.ariaLabel = accessibleName;
  const lines = Array.from({ length: MOST_LINES }, () => []);
  let isDue = false;

  const draw = () => {
    isDue = false;
    const ratio = devicePixelRatio;
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    if (width === 0) return;
    if (canvas.width !== Math.round(width * ratio)) canvas.width = Math.round(width * ratio);
    if (canvas.height !== Math.round(height * ratio)) canvas.height = Math.round(height * ratio);
    const style = getComputedStyle(canvas);
    const context = canvas.getContext("2d");
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    context.fillStyle = style.getPropertyValue("--line");
    context.fillRect(0, height / 2, width, 1);
    context.lineWidth = 1.5;
    context.lineJoin = "round";
    lines.forEach((values, index) => {
      context.strokeStyle = style.getPropertyValue(COLOURS[index]);
      context.beginPath();
      values.forEach((value, n) => {
        const x = width - ((values.length - 1 - n) * width) / (WINDOW - 1);
        const y = height / 2 - value * (height / 2 - 3);
        context.lineTo(x, y);
      });
      context.stroke();
    });
  };

  return {
    canvas,
    add(values) {
      values.slice(0, MOST_LINES).forEach((value, index) => {
        const line = lines[index];
        line.push(Number.isFinite(value) ? Math.max(-1, Math.min(1, value)) : 0);
        if (line.length > WINDOW) line.shift();
      });
      if (isDue) return;
      isDue = true;
      requestAnimationFrame(draw);
    },
  };
};
