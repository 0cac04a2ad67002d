// A server of files and nothing else, as a web host is.

import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";

const TYPES = { ".html": "text/html", ".js": "text/javascript", ".mjs": "text/javascript", ".wasm": "application/wasm", ".json": "application/json" };

/** Serves a directory with further headers on a port of its own. */
export const serveFiles = async (directory, headers = {}) => {
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url, "http://host");
    try {
      const body = await readFile(join(directory, normalize(decodeURIComponent(pathname))));
      response.writeHead(200, { "content-type": TYPES[extname(pathname)] ?? "application/octet-stream", ...headers });
      response.end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
};
