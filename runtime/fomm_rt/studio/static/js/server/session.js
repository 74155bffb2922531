/** The exchange of the token in the address for a cookie that scripts cannot read. */

import { request } from "./api.js";

/**
 * Signs in with the token of `#token=…` and takes it out of the address, where it could be copied by accident.
 *
 * @returns {Promise<void>} rejected by ApiError if the token is not the studio's
 */
export async function signIn() {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (!token) return;
  history.replaceState(null, "", location.pathname + location.search);
  await request("/api/session", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ token }),
  });
}
