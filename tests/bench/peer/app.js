// The service's main requests as one would write them in Node: no drafts, no trail, no rules.
import { randomUUID } from "node:crypto";
import express from "express";
import Redis from "ioredis";
import pg from "pg";

const { DATABASE_URL, REDIS_URL } = process.env;
const LIMIT_SECONDS = 1800;

export const app = express();
app.disable("x-powered-by");
app.use(express.json({ limit: "4mb" }));
export const database = new pg.Pool({ connectionString: DATABASE_URL, max: 10 });
export const cache = new Redis(REDIS_URL, { lazyConnect: true, enableReadyCheck: false });

const keep = (session) => cache.set(`session:peer:${session.id}`, JSON.stringify(session), "EX", LIMIT_SECONDS);

app.post("/sessions/start", async (request, response) => {
  const { user_id, quiz_id } = request.body;
  const { rows } = await database.query(
    `INSERT INTO peer (id, user_id, quiz_id, answers, version, expires_at)
     VALUES ($1, $2, $3, '{}', 0, now() + make_interval(secs => $4)) RETURNING *`,
    [randomUUID(), user_id, quiz_id, LIMIT_SECONDS],
  );
  await keep(rows[0]);
  response.status(201).json(rows[0]);
});

app.get("/sessions/:id", async (request, response) => {
  const cached = await cache.get(`session:peer:${request.params.id}`);
  if (cached === null) return response.status(404).end();
  const session = JSON.parse(cached);
  session.time_remaining = Math.max(0, Math.ceil((new Date(session.expires_at) - Date.now()) / 1000));
  response.json(session);
});

app.patch("/sessions/:id/progress", async (request, response) => {
  const { rows } = await database.query("SELECT * FROM peer WHERE id = $1", [request.params.id]);
  if (rows.length === 0) return response.status(404).end();
  const [session] = rows;
  const changed = await database.query(
    `UPDATE peer SET answers = answers || $3::jsonb, version = version + 1 WHERE id = $1 AND version = $2
     RETURNING *`,
    [session.id, session.version, JSON.stringify(request.body.answers)],
  );
  if (changed.rows.length === 0) return response.status(409).end();
  await keep(changed.rows[0]);
  response.json(changed.rows[0]);
});

export const createTable = () =>
  database.query(
    `CREATE TABLE IF NOT EXISTS peer (id uuid PRIMARY KEY, user_id text NOT NULL, quiz_id text NOT NULL,
       answers jsonb NOT NULL, version int NOT NULL, expires_at timestamptz NOT NULL)`,
  );
