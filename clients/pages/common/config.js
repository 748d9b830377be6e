// What differs from place to place: where the API is, and who issues tokens.

/**
 * @typedef {object} Login
 * @property {"none" | "oidc"} kind `none` where the service asks for no tokens
 * @property {string} [issuer] whose discovery document is read
 * @property {string} [clientId]
 * @property {{student: string, staff: string}} [scopes] which are asked for
 */

/**
 * @typedef {object} Config
 * @property {string} api the address of the API, without a slash at its end
 * @property {Login} login
 * @property {boolean} demo whether what serves these pages lets visitors break it
 */

const FILE = new URL("../config.json", import.meta.url);

/** There are no settings to begin with. */
export class Unconfigured extends Error {}

/** @returns {Promise<Config>} with whole addresses @throws {Unconfigured} */
export async function readConfig() {
  const reply = await fetch(FILE, { cache: "no-cache" }).catch((cause) => {
    throw new Unconfigured("The service can't be reached.", { cause });
  });
  if (!reply.ok) throw new Unconfigured(`Its settings can't be read just now (status ${reply.status}).`);
  const { api, login, demo = false } = await reply.json();
  const issuer = login.issuer && new URL(login.issuer, FILE).href;
  return { api: new URL(api, FILE).href.replace(/\/+$/, ""), login: { ...login, issuer }, demo };
}
