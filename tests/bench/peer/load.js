// Connections that each send one request after the other for some seconds; prints what came of it as JSON.
import { Connection } from "./connection.js";

const [port, connections, seconds, kind] = process.argv.slice(2);
const ANSWER = "The answer of somebody who writes a sentence of some length. ".repeat(2);
const times = [];
const statuses = {};

async function work(number, until) {
  const connection = new Connection(Number(port));
  const start = () => connection.send("POST", "/sessions/start", { user_id: `user${number}`, quiz_id: "bench" });
  const { id } = JSON.parse((await start()).body);
  const operations = {
    get: () => connection.send("GET", `/sessions/${id}`),
    patch: (turn) => connection.send("PATCH", `/sessions/${id}/progress`, { answers: { [turn % 20]: ANSWER } }),
    autosave: (turn) =>
      connection.send("PATCH", `/sessions/${id}/progress`, { answers: { [turn % 20]: ANSWER }, autosave: true }),
    start,
  };
  for (let turn = 0; turn < 20; turn += 1) await operations.patch(turn);
  prepared += 1;
  if (prepared === Number(connections)) {
    until.end = performance.now() + Number(seconds) * 1000;
    begin();
  }
  await until.begin;
  for (let turn = 0; performance.now() < until.end; turn += 1) {
    const begun = performance.now();
    const { status } = await operations[kind](turn);
    times.push(performance.now() - begun);
    statuses[status] = (statuses[status] ?? 0) + 1;
  }
  connection.socket.destroy();
}

const until = { end: Infinity };
let prepared = 0;
let begin;
until.begin = new Promise((resolve) => (begin = resolve));
const all = Array.from({ length: Number(connections) }, (_, number) => work(number, until));
await Promise.all(all);
times.sort((one, other) => one - other);
const at = (share) => times[Math.min(times.length - 1, Math.floor(times.length * share))];
console.log(JSON.stringify({ rate: times.length / Number(seconds), p50: at(0.5), p99: at(0.99), statuses }));
process.exit(0);
