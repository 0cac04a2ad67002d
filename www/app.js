// The demo: the lobby, and the room behind it.
//
// The room is the hash of the page's address, so the address is the link to share. Each tab remembers its name, and a page
// that is loaded again goes back to where it was. What peers send is untrusted: it is checked, cut to length, and reaches the
// page as text only. Each idea has a module of its own:
//
//   room.js ─ me.js ─ media.js, telemetry.js          what we send
//      ├───── person.js ─ card.js, files.js           somebody else
//      ├───── chat.js, words.js                       what is said
//      └───── network.js                              the way to the server

import { at, followEnd } from "./dom.js";
import { Room } from "./room.js";
import { clean, proposedName, proposedRoom } from "./text.js";
import { LONGEST_NAME } from "./words.js";

const NAME = "name";
const ROOM = "room";

let room;
let lastChannel = "";

/** The room that the address names, if any. */
const channelOfAddress = () => {
  try {
    return decodeURIComponent(location.hash.slice(1));
  } catch {
    return "";
  }
};

const showLobby = (problem = "") => {
  sessionStorage.removeItem(ROOM);
  document.title = "metered-realtime";
  at("bar").hidden = at("stay").hidden = true;
  at("lobby").hidden = false;
  at("problem").textContent = problem;
  at("who").value = sessionStorage.getItem(NAME) ?? proposedName();
  at("room").value = channelOfAddress() || lastChannel || proposedRoom();
  at(problem ? "room" : "who").focus();
};

const enter = (channel, name) => {
  sessionStorage.setItem(NAME, name);
  sessionStorage.setItem(ROOM, channel);
  lastChannel = channel;
  document.title = `${channel} · metered-realtime`;
  at("lobby").hidden = true;
  at("bar").hidden = at("stay").hidden = false;
  at("name").textContent = channel;
  at("second").href = location.href;
  for (const id of ["messages", "events", "transfers"]) at(id).replaceChildren();
  at("hint").textContent = at("text").value = "";
  room = new Room(channel, name, (problem) => {
    room = undefined;
    showLobby(problem);
  });
  room.join();
  at("name").focus();
};

/** Goes where the address says: into the room, if the user has chosen to; otherwise to its door. */
const follow = (isChosen) => {
  room?.leave();
  room = undefined;
  const channel = channelOfAddress();
  const name = sessionStorage.getItem(NAME);
  if (channel !== "" && name && isChosen) enter(channel, name);
  else showLobby();
};

at("lobby").addEventListener("submit", (event) => {
  event.preventDefault();
  const channel = at("room").value.trim();
  sessionStorage.setItem(NAME, clean(at("who").value, LONGEST_NAME) || proposedName());
  if (channel === "" || channel === channelOfAddress()) follow(true);
  else location.hash = encodeURIComponent(channel);
});

at("leave").addEventListener("click", () => { location.hash = ""; });

at("copy").addEventListener("click", async () => {
  const button = at("copy");
  try {
    await navigator.clipboard.writeText(location.href);
    button.textContent = "Copied";
  } catch {
    button.textContent = "Copy it from the address bar";
  }
  setTimeout(() => { button.textContent = "Copy link"; }, 2000);
});

at("help").addEventListener("click", () => at("about").showModal());

for (const id of ["messages", "events"]) followEnd(at(id));

// A file that misses a card is not opened in place of the page.
for (const name of ["dragover", "drop"]) addEventListener(name, (event) => event.preventDefault());

addEventListener("hashchange", () => follow(true));
follow(sessionStorage.getItem(ROOM) === channelOfAddress());
