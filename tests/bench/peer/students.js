// Students who write whether or not the service keeps up; prints what came of it as JSON.
import { Connection } from "./connection.js";

const [port, students, seconds, answersAMinute] = process.argv.slice(2).map(Number);
const ANSWER = "The answer of somebody who writes a sentence of some length. ".repeat(2);
const COMMITTED = 0.25;
const STARTS_AT_ONCE = 50;
const times = [];
const statuses = {};
const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
// Between two answers of one student, as of requests that know nothing of each other.
const pause = () => (-Math.log(1 - Math.random()) * 60_000) / answersAMinute;

async function enter(number) {
  const connection = new Connection(port);
  const { status, body } = await connection.send("POST", "/sessions/start", {
    user_id: `user${number}`,
    quiz_id: "bench",
  });
  if (status !== 201) throw new Error(`a start was ${status}`);
  connection.socket.destroy();
  return { path: `/sessions/${JSON.parse(body).id}/progress` };
}

async function write({ path }, end) {
  let connection = new Connection(port);
  let due = performance.now() + pause();
  for (let turn = 0; due < end; turn += 1) {
    await sleep(due - performance.now());
    const content = { answers: { [turn % 20]: ANSWER }, autosave: Math.random() >= COMMITTED };
    let status = connection.socket.closed ? 0 : (await connection.send("PATCH", path, content)).status;
    if (status === 0) {
      // The service closes a connection that nobody uses, and a browser then makes another one.
      connection = new Connection(port);
      ({ status } = await connection.send("PATCH", path, content));
    }
    // From when it was to be sent: who waits for the reply before is not served quickly.
    times.push(performance.now() - due);
    statuses[status] = (statuses[status] ?? 0) + 1;
    due += pause();
  }
}

const here = [];
while (here.length < students) {
  const some = Array.from({ length: Math.min(STARTS_AT_ONCE, students - here.length) }, (_, n) => enter(here.length + n));
  here.push(...(await Promise.all(some)));
}
const end = performance.now() + seconds * 1000;
await Promise.all(here.map((student) => write(student, end)));
times.sort((one, other) => one - other);
const at = (share) => times[Math.min(times.length - 1, Math.floor(times.length * share))];
console.log(JSON.stringify({ rate: times.length / seconds, p50: at(0.5), p99: at(0.99), statuses }));
process.exit(0);
