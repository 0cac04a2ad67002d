// A video call with everybody in a room, in one page without a build:
//
//   metered-server --dev --www examples/video-call --package pkg
//   then open http://localhost:9292 in two tabs
//
// The room is the hash of the page's address. Everybody sends to everybody, so it is for a handful of people.

import { MeteredPeer } from "/pkg/index.js";

const KEY = "pk_live_dev";
const SERVER = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}`;

const at = (id) => document.getElementById(id);
const show = (text) => {
  at("status").textContent = text;
};

/** The call that this page is in: `leave()` ends it. */
let call;

// ---- the call

async function start(room) {
  show("asking for camera and microphone");
  const mine = await navigator.mediaDevices.getUserMedia({ audio: true, video: true });
  const peer = new MeteredPeer({ apiKey: KEY, url: SERVER });

  peer.on("peer-joined", ({ peer: remote }) => {
    // Fired again with a new stream of the same id when the connection was replaced: the tile takes that.
    remote.on("stream-added", ({ stream, metadata }) => {
      addTile(`${remote.id} ${stream.id}`, stream, metadata?.label ?? remote.id.slice(0, 8));
    });
    remote.on("stream-removed", ({ stream }) => removeTile(`${remote.id} ${stream.id}`));
    remote.on("state-change", ({ to }) => show(`${remote.id.slice(0, 8)}: ${to}`));
    remote.on("negotiation-error", ({ err }) => show(`${remote.id.slice(0, 8)}: ${err.message}`));
  });
  peer.on("state-change", ({ to }) => show(to));
  peer.on("error", ({ err }) => show(err.message));
  // By our own doing, or because the server wants no more of us.
  peer.on("left", ({ reason }) => end(reason));

  addTile("mine", mine, "you", true);
  peer.addStream(mine, { role: "camera", label: "camera" });
  const stopMedia = () => mine.getTracks().forEach((track) => track.stop());
  call = { mine, stopMedia, leave: () => peer.close() };
  try {
    await peer.join(room);
    show("joined");
  } catch (error) {
    end(error.message);
  }
}

function end(reason) {
  call?.stopMedia();
  call = undefined;
  at("tiles").replaceChildren();
  for (const id of ["microphone", "camera"]) at(id).ariaPressed = "false";
  at("call").hidden = true;
  at("lobby").hidden = false;
  show(reason ? `not in a call: ${reason}` : "not in a call");
}

// ---- the page

/** Shows a stream; one with a key that is there already takes its place. */
function addTile(key, stream, name, isOurs = false) {
  const tile = tileOf(key) ?? document.createElement("figure");
  tile.dataset.key = key;
  const video = document.createElement("video");
  Object.assign(video, { autoplay: true, playsInline: true, muted: isOurs, srcObject: stream });
  const caption = document.createElement("figcaption");
  caption.textContent = String(name).slice(0, 40); // what peers say is untrusted
  tile.replaceChildren(video, caption);
  at("tiles").append(tile);
}

const tileOf = (key) => [...at("tiles").children].find((tile) => tile.dataset.key === key);
const removeTile = (key) => tileOf(key)?.remove();

at("lobby").addEventListener("submit", async (event) => {
  event.preventDefault();
  const room = at("room").value.trim();
  if (!room || call) return;
  location.hash = encodeURIComponent(room);
  at("lobby").hidden = true;
  at("call").hidden = false;
  try {
    await start(room);
  } catch (error) {
    end(error.message); // no camera, or not allowed
  }
});

// A track that is disabled goes on as silence or a black picture: nothing is negotiated.
for (const [id, kind] of [["microphone", "audio"], ["camera", "video"]]) {
  at(id).addEventListener("click", () => {
    const off = at(id).ariaPressed !== "true";
    at(id).ariaPressed = String(off);
    for (const track of call?.mine.getTracks() ?? []) if (track.kind === kind) track.enabled = !off;
  });
}

at("leave").addEventListener("click", () => call?.leave());
addEventListener("pagehide", () => call?.leave());

at("room").value = decodeURIComponent(location.hash.slice(1)) || "tea-kitchen";
