// The options of the clients: the server is named in the page's address.

export const options = () => ({ apiKey: "pk_live_dev", url: new URLSearchParams(location.search).get("server") });
