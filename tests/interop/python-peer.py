"""A peer of the official Python SDK that another program drives.

It reads one JSON object a line from stdin, `{"id", "do", ...}`, and writes `{"id", "value"}` or `{"id", "error"}` for
each, and `{"event", ...}` for whatever happens. It ends with its stdin. A channel that somebody opens to it echoes; one
that it opens itself reports what comes.
"""

import asyncio
import json
import sys
from base64 import b64decode, b64encode
from typing import Any

from aiortc.mediastreams import AudioStreamTrack, VideoStreamTrack
from metered_realtime import (
    Data,
    DataChannel,
    DataChannelOpened,
    DCClose,
    DCMessage,
    DCOpen,
    FatalError,
    Left,
    MediaStream,
    MeteredPeer,
    NegotiationError,
    PeerJoined,
    PeerLeft,
    ReconnectOptions,
    RemotePeer,
    StateChange,
    StreamAdded,
    Track,
)


def write(value: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def tell(event: str, **fields: Any) -> None:
    write({"event": event, **fields})


def plain(data: str | bytes) -> dict[str, str]:
    """A message of a data channel, as JSON can carry it."""
    if isinstance(data, str):
        return {"text": data}
    return {"base64": b64encode(data).decode()}


class Program:
    def __init__(self) -> None:
        self.peer: MeteredPeer | None = None
        self.remotes: dict[str, RemotePeer] = {}
        self.opened: dict[tuple[str, str], DataChannel] = {}
        # The connections that they were opened on.
        self.opened_on: dict[tuple[str, str], Any] = {}
        self.streams: dict[str, MediaStream] = {}
        self.listening: set[asyncio.Task[None]] = set()

    async def do(self, what: str, arguments: dict[str, Any]) -> Any:
        return await getattr(self, f"do_{what}")(**arguments)

    # ---- what can be asked for

    async def do_join(
        self,
        url: str,
        channel: str,
        apiKey: str | None = None,
        token: str | None = None,
        includeSenderMetadata: bool = False,
    ) -> dict[str, Any]:
        async def provide() -> str:
            return str(token)

        login = {"api_key": apiKey} if apiKey else {"token_provider": provide}
        # What a test waits for should not be the pause before the first attempt.
        reconnect = ReconnectOptions(initial_delay=0.05, max_delay=0.5)
        self.peer = MeteredPeer(url=url, reconnect=reconnect, **login)
        self.peer.on(PeerJoined, lambda event: self.met(event.peer))
        self.peer.on(PeerLeft, lambda event: tell("peer-left", peer=event.peer.id))
        self.peer.on(Data, self.heard)
        self.peer.on(StateChange, lambda event: tell("state-change", to=event.to))
        self.peer.on(FatalError, lambda event: tell("error", error=repr(event.err)))
        self.peer.on(Left, lambda event: tell("left", reason=event.reason))
        await self.peer.join(channel, include_sender_metadata=includeSenderMetadata)
        return {"peerId": self.peer.peer_id}

    async def do_open(self, to: str, label: str) -> None:
        self.open(self.remotes[to], label)

    async def do_post(self, to: str, label: str, text: str | None = None, base64: str | None = None) -> None:
        data = b64decode(base64) if text is None else text
        await self.opened[to, label].send(data)

    async def do_send(self, data: Any) -> None:
        await self.peer.send(data)

    async def do_sendTo(self, to: str, data: Any) -> None:
        await self.peer.send_to(to, data)

    async def do_addStream(self, kinds: list[str], metadata: dict[str, Any] | None = None) -> dict[str, Any]:
        # Silence, and pictures in one colour.
        make = {"audio": AudioStreamTrack, "video": VideoStreamTrack}
        stream = MediaStream([make[kind]() for kind in kinds])
        self.streams[stream.id] = stream
        self.peer.add_stream(stream, metadata)
        return {"id": stream.id, "tracks": [track.id for track in stream.get_tracks()]}

    async def do_removeStream(self, stream: str) -> None:
        self.peer.remove_stream(self.streams.pop(stream))

    async def do_leave(self) -> None:
        await self.peer.close("leaving")

    # ---- what happens

    def heard(self, event: Data) -> None:
        metadata = {} if event.sender_metadata is None else {"senderMetadata": event.sender_metadata}
        tell("data", senderPeerId=event.sender_peer_id, data=event.data, kind=event.kind, **metadata)

    def met(self, remote: RemotePeer) -> None:
        self.remotes[remote.id] = remote
        remote.on(StateChange, lambda event: self.changed(remote, event))
        remote.on(DataChannelOpened, lambda event: self.accept(remote, DataChannel(event.channel)))
        remote.on(Track, lambda event: self.sees(remote, event))
        remote.on(StreamAdded, lambda event: self.added(remote, event))
        remote.on(NegotiationError, lambda event: tell("negotiation-error", peer=remote.id, error=repr(event.err)))
        tell("peer-joined", peer=remote.id, metadata=remote.metadata, polite=remote.polite)

    async def changed(self, remote: RemotePeer, event: StateChange) -> None:
        tell("remote-state", peer=remote.id, to=event.to)
        # The SDK builds the connection anew and says nothing until it is connected, which without a channel in it is
        # never: so the application looks for the new one, and opens there what it had opened.
        for to, label in list(self.opened):
            while to == remote.id and remote.state == "reconnecting":
                if remote.pc is not self.opened_on[to, label]:
                    self.open(remote, label)
                    break
                await asyncio.sleep(0.02)

    def open(self, remote: RemotePeer, label: str) -> None:
        channel = DataChannel(remote.create_data_channel(label))
        self.opened[remote.id, label] = channel
        self.opened_on[remote.id, label] = remote.pc
        self.watch(remote, channel)

    def sees(self, remote: RemotePeer, event: Track) -> None:
        kind, streams = event.track.kind, [stream.id for stream in event.streams]
        tell("track", peer=remote.id, kind=kind, streams=streams, metadata=event.metadata)

        async def listen() -> None:
            await event.track.recv()
            tell("frame", peer=remote.id, kind=kind)

        task = asyncio.create_task(listen())
        self.listening.add(task)
        task.add_done_callback(self.heard_first)

    def heard_first(self, task: "asyncio.Task[None]") -> None:
        self.listening.discard(task)
        # A track that ends before its first frame is no failure of this program.
        if not task.cancelled():
            task.exception()

    def added(self, remote: RemotePeer, event: StreamAdded) -> None:
        tell("stream-added", peer=remote.id, stream=event.stream.id, metadata=event.metadata)

    def accept(self, remote: RemotePeer, channel: DataChannel) -> None:
        async def echo(event: DCMessage) -> None:
            await channel.send(event.data)

        self.watch(remote, channel)
        channel.on(DCMessage, echo)
        tell("data-channel", peer=remote.id, label=channel.label)

    def watch(self, remote: RemotePeer, channel: DataChannel) -> None:
        where = {"peer": remote.id, "label": channel.label}
        channel.on(DCOpen, lambda _: tell("open", **where))
        channel.on(DCMessage, lambda event: tell("message", **where, **plain(event.data)))
        channel.on(DCClose, lambda _: tell("close", **where))


async def main() -> None:
    program = Program()
    tasks: set[asyncio.Task[None]] = set()

    async def answer(id: int, what: str, arguments: dict[str, Any]) -> None:
        try:
            write({"id": id, "value": await program.do(what, arguments)})
        except Exception as error:
            write({"id": id, "error": repr(error)})

    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    tell("ready")
    while line := await lines.readline():
        request = json.loads(line)
        task = asyncio.create_task(answer(request.pop("id"), request.pop("do"), request))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    if program.peer is not None:
        await program.peer.close()


asyncio.run(main())
