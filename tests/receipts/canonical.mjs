// For each line, a JSON text: its canonical text and the hash of that, or null where JavaScript can't tell.
import { createInterface } from "node:readline";
import { answersSha256, canonical } from "../../clients/browser/receipts.js";

for await (const line of createInterface({ input: process.stdin })) {
  const value = JSON.parse(JSON.parse(line));
  let found = null;
  try {
    found = { canonical: canonical(value), sha256: await answersSha256(value) };
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
  console.log(JSON.stringify(found));
}
