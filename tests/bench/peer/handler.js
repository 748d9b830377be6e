// The peer as a function of Lambda, called in this process: a line of standard input is how many calls of what to make,
// the line of standard output the milliseconds that each of them took.
import { createInterface } from "node:readline";
import serverless from "serverless-http";
import { app, cache, createTable } from "./app.js";

const ANSWER = "The answer of somebody who writes a sentence of some length. ".repeat(2);
const handler = serverless(app);
await createTable();
await cache.connect();

const call = async (method, path, content) => {
  const reply = await handler(
    {
      version: "2.0",
      rawPath: path,
      rawQueryString: "",
      headers: { "content-type": "application/json" },
      requestContext: { http: { method, path, sourceIp: "127.0.0.1" }, stage: "$default" },
      body: content === undefined ? undefined : JSON.stringify(content),
      isBase64Encoded: false,
    },
    {},
  );
  if (reply.statusCode >= 300) throw new Error(JSON.stringify(reply));
  return JSON.parse(reply.body);
};

const { id } = await call("POST", "/sessions/start", { user_id: "bench", quiz_id: "bench" });
const answers = Object.fromEntries(Array.from({ length: 20 }, (_, number) => [number, ANSWER]));
const operations = {
  get: () => call("GET", `/sessions/${id}`),
  patch: () => call("PATCH", `/sessions/${id}/progress`, { answers: { 3: ANSWER } }),
};
await call("PATCH", `/sessions/${id}/progress`, { answers });
console.log("ready");
for await (const line of createInterface({ input: process.stdin })) {
  const [kind, calls] = line.split(" ");
  const times = [];
  for (let number = 0; number < Number(calls); number += 1) {
    const begun = performance.now();
    await operations[kind]();
    times.push(performance.now() - begun);
  }
  console.log(JSON.stringify(times));
}
process.exit(0);
