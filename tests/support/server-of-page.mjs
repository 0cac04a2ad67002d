// What server.mjs is for a page: its server is the one that it came from.

export const access = async () => ({ apiKey: "pk_live_dev", url: location.origin.replace("http", "ws") });
