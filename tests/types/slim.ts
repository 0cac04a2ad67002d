// The slim entry: the names of the default one, and `init`. Compiled only.

import wasm from "metered-realtime/metered_realtime.wasm";
import { init, MeteredPeer } from "metered-realtime/slim";
import type { InitInput, MeteredPeerOptions } from "metered-realtime/slim";

export async function load(options: MeteredPeerOptions, bytes: Uint8Array<ArrayBuffer>, module: WebAssembly.Module): Promise<MeteredPeer> {
  const inputs: InitInput[] = [wasm, new URL("https://example.com/x.wasm"), new Response(bytes), new Blob([bytes]), bytes, bytes.buffer, module];
  for (const input of inputs) await init(input);
  await init(fetch(wasm));
  const done: Promise<void> = init();
  await done;
  return new MeteredPeer(options);
}
