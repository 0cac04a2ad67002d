// What the documents' snippets use without declaring it.

import type * as realtime from "metered-realtime";

declare global {
  const MeteredPeer: typeof realtime.MeteredPeer;
  const ServerRequestError: typeof realtime.ServerRequestError;

  const peer: realtime.MeteredPeer;
  const remote: realtime.RemotePeer;
  const client: realtime.SignallingClient;
  const dc: realtime.DataChannel;
  const game: realtime.DataChannel;
  const chat: realtime.DataChannel;
  const track: realtime.LocalDataTrack;

  const id: string;
  const secret: Uint8Array;
  const next: Uint8Array;
  const x: number;
  const y: number;
  const bytes: Uint8Array<ArrayBuffer>;
  const payload: Uint8Array<ArrayBuffer>;
  const position: Uint8Array<ArrayBuffer>;
  const chunks: Uint8Array<ArrayBuffer>[];
  const file: File;
  const state: object;

  /** The application's own. */
  function show(...what: unknown[]): void;
  function loadHistory(): void;
  function videoFor(peerId: string, streamId: string): HTMLVideoElement;
}
