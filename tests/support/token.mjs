// Tokens as an application's backend makes them.

import { createHmac } from "node:crypto";

const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");

/** A token signed with the development server's secret key, unless told otherwise. */
export const token = (claims = {}, { keyId = "sk_id_dev", secret = "sk_secret_dev" } = {}) => {
  const exp = Math.floor(Date.now() / 1000) + 600;
  const permissions = ["subscribe", "publish", "presence", "send"];
  const signed = `${part({ alg: "HS256", typ: "JWT", kid: keyId })}.${part({ exp, channels: ["**"], permissions, ...claims })}`;
  return `${signed}.${createHmac("sha256", secret).update(signed).digest("base64url")}`;
};

/** A token with `claims` signed with a `key`, good for so many `seconds` from now on. */
export const fresh = ({ claims, key, seconds }) => token({ ...claims, exp: Math.floor(Date.now() / 1000) + seconds }, key);
