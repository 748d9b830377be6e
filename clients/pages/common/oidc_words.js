// Why nobody is signed in, in words.

import * as oauth from "../vendor/oauth4webapi.js";

/** Why nobody is signed in, for those who read it. */
export class Problem extends Error {
  name = "Problem";
}

/** @param {unknown} error @returns {Problem} */
export function inWords(error) {
  if (error instanceof Problem) return error;
  if (error instanceof oauth.AuthorizationResponseError) {
    const { error: code, error_description: why } = error;
    if (code === "access_denied") return new Problem("You were not signed in: it was refused, or called off. You can try again.");
    return new Problem(`The sign-in service refused: ${why || code}. You can try again.`);
  }
  if (error instanceof oauth.ResponseBodyError) {
    if (error.error === "invalid_grant") return new Problem("That sign-in took too long, or was used before. Please sign in again.");
    return new Problem(`The sign-in service does not accept these pages (${error.error}). Please tell those who run them.`);
  }
  // Its own errors have a code.
  if ((error instanceof TypeError && !("code" in error)) || (error instanceof DOMException && error.name === "TimeoutError")) {
    return new Problem("The sign-in service can’t be reached. Please check the network and try again.");
  }
  const code = error instanceof Error && "code" in error ? ` (${error.code})` : "";
  return new Problem(`The sign-in service gave an answer that can’t be used${code}. You can try again.`);
}
