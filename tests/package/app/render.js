// The program of a server that renders pages: it has no DOM and no WebSocket, and does no more than load the modules.

import { MeteredPeer, SignallingClient } from "metered-realtime";
import * as slim from "metered-realtime/slim";

export const render = () => `<p>${[MeteredPeer, SignallingClient, slim.MeteredPeer].map(({ name }) => name).join()} ${typeof document}</p>`;
