// Verifies a receipt without asking the service:
//
//     node verify_receipt.mjs RECEIPT ANSWERS JWKS
//
// Three files: the receipt, the answers as JSON, and what GET /.well-known/jwks.json said. It prints what it found;
// the exit code is 0 if the receipt is genuine and for these answers.

import { readFileSync } from "node:fs";
import { verifyReceipt } from "../../clients/browser/receipts.js";

const [receipt, answers, jwks] = process.argv.slice(2).map((file) => readFileSync(file, "utf8"));
const found = await verifyReceipt(receipt, JSON.parse(answers), JSON.parse(jwks));
console.log(JSON.stringify(found));
process.exitCode = found.genuine && found.answersMatch ? 0 : 1;
