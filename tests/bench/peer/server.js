// The peer behind a port, in several processes.
import cluster from "node:cluster";
import { app, cache, createTable } from "./app.js";

const { PORT, PROCESSES } = process.env;

if (cluster.isPrimary) {
  await createTable();
  let ready = 0;
  for (let number = 0; number < Number(PROCESSES); number += 1) {
    cluster.fork().on("listening", () => {
      ready += 1;
      if (ready === Number(PROCESSES)) console.log("ready");
    });
  }
  process.on("SIGTERM", () => process.exit(0));
} else {
  await cache.connect();
  app.listen(Number(PORT), "127.0.0.1");
}
