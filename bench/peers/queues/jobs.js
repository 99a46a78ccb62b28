// node jobs.js jobs --url URL --case graphile|pg_boss --waiting N [--seconds S] [--fill]: the loads of
// bench/peers/drivers/src/queue.rs with graphile-worker and pg-boss; prints a JSON object a line.
//
// Settings: for graphile-worker those of its page on performance (a local queue of 500, completions in batches), with
// more jobs at once where they wait; for pg-boss batches of 500, NOTIFY, and no pause after a full batch.

import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";

import { Logger, makeWorkerUtils, run as runGraphile, runMigrations } from "graphile-worker";
import pg from "pg";
import { PgBoss } from "pg-boss";

const ENQUEUERS = 16;
const BATCH = 100;
const NAME = "measured";
const PATIENCE = 60_000;

const string = { type: "string" };
const { values: told } = parseArgs({
  allowPositionals: true,
  options: {
    url: string,
    case: string,
    waiting: string,
    seconds: { type: "string", default: "1" },
    load: string,
    fill: { type: "boolean", default: false },
    quick: { type: "boolean", default: false },
  },
});
const waiting = Number(told.waiting);
const span = Number(told.seconds) * 1_000;

/** Counts the runs of jobs, for each enqueuer. */
class Gauge {
  constructor(pause) {
    this.pause = pause;
    this.slots = Array.from({ length: ENQUEUERS }, () => ({ left: 0, runs: [], done: () => {} }));
  }

  async run(who) {
    const began = performance.now();
    if (this.pause > 0) await sleep(this.pause);
    const slot = this.slots[who];
    slot.runs.push({ began, ended: performance.now() });
    slot.left -= 1;
    if (slot.left === 0) slot.done();
  }

  /** A promise of the runs of the next `count` jobs. */
  expect(who, count) {
    const slot = this.slots[who];
    slot.left = count;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${slot.left} jobs did not run`)), PATIENCE);
      slot.done = () => {
        clearTimeout(timer);
        const runs = slot.runs;
        slot.runs = [];
        resolve(runs);
      };
    });
  }
}

const pool = new pg.Pool({ connectionString: told.url, max: ENQUEUERS });
pool.on("error", complain);
pool.on("connect", (client) => client.on("error", complain));
const queue = told.case === "graphile" ? graphile() : await boss();
if (told.fill) await queue.fill();
else for (const work of ["noop", "ten_ms", "start", "enqueue_one", "enqueue_100"]) await measure(work);
await queue.close();
await pool.end();

function complain(error) {
  console.error(error);
}

async function measure(work) {
  if (told.load && told.load !== work) return;
  const gauge = new Gauge(work === "ten_ms" ? 10 : 0);
  const worker = work.startsWith("enqueue") ? null : await queue.start(work, gauge);
  if (worker) await load(work, gauge, span / 4);
  const began = performance.now();
  const times = await load(work, gauge, span);
  const seconds = (performance.now() - began) / 1_000;
  const rate = Math.round(((work === "enqueue_100" ? BATCH : 1) * times.length) / seconds);
  if (worker) await queue.stop(worker);
  else await queue.clear();
  times.sort((a, b) => a - b);
  const micros = (part) => Math.round((times[Math.ceil(times.length * part) - 1] ?? 0) * 10_000) / 10;
  const line = { case: told.case, work, waiting, per_second: work === "start" ? undefined : rate };
  console.log(JSON.stringify({ ...line, n: times.length, p50_us: micros(0.5), p99_us: micros(0.99) }));
}

/** A load for a span, until the end of every job is recorded. */
async function load(work, gauge, milliseconds) {
  const until = performance.now() + milliseconds;
  const enqueuer = async (who) => {
    const times = [];
    let turn = 0;
    do times.push(...(await piece(work, gauge, who, turn++)));
    while (performance.now() < until);
    return times;
  };
  const enqueuers = Array.from({ length: work === "start" ? 1 : ENQUEUERS }, (_, who) => enqueuer(who));
  const times = (await Promise.all(enqueuers)).flat();
  while (!work.startsWith("enqueue") && !(await queue.isDone())) await sleep(1);
  return times;
}

/** One transaction, and for most loads the runs of its jobs. */
async function piece(work, gauge, who, turn) {
  if (work === "start") await sleep(5 + ((turn * 7.919) % 25));
  const count = work === "enqueue_one" || work === "start" ? 1 : BATCH;
  const runs = work.startsWith("enqueue") ? null : gauge.expect(who, count);
  const began = performance.now();
  await queue.enqueue(who, count);
  const committed = performance.now();
  if (!runs) return [committed - began];
  if (work === "start") return (await runs).map((run) => Math.max(0, run.began - committed));
  return (await runs).map((run) => run.ended - began);
}

function graphile() {
  const logger = new Logger(() => () => {});
  let utils;
  const open = async () => (utils ??= await makeWorkerUtils({ pgPool: pool, logger }));
  return {
    async fill() {
      await runMigrations({ connectionString: told.url, logger });
      await (await open()).addJob(NAME, { who: 0 }, { runAt: new Date(Date.now() + 31_536_000_000) });
      await pool.query(
        `INSERT INTO graphile_worker._private_jobs (task_id, payload, run_at)
         SELECT (SELECT id FROM graphile_worker._private_tasks), '{"who":0}', now() + interval '1 year'
         FROM generate_series(2, $1::int)`,
        [waiting],
      );
      if (waiting === 0) await pool.query("DELETE FROM graphile_worker._private_jobs");
      await pool.query("VACUUM ANALYZE");
    },
    async enqueue(who, count) {
      const jobs = await open();
      if (count === 1) await jobs.addJob(NAME, { who });
      else await jobs.addJobs(Array.from({ length: count }, () => ({ identifier: NAME, payload: { who } })));
    },
    start: (work, gauge) =>
      runGraphile({
        preset: {
          worker: {
            connectionString: told.url,
            concurrentJobs: work === "ten_ms" ? 100 : 24,
            maxPoolSize: 25,
            localQueue: { size: 500 },
            completeJobBatchDelay: 0,
            failJobBatchDelay: 0,
            logger,
          },
        },
        noHandleSignals: true,
        taskList: { [NAME]: ({ who }) => gauge.run(who) },
      }),
    async isDone() {
      const left = `SELECT EXISTS (SELECT 1 FROM graphile_worker._private_jobs WHERE NOT is_available)
        OR EXISTS (SELECT 1 FROM graphile_worker._private_jobs WHERE is_available AND priority = 0 AND run_at <= now())
        AS left`;
      return !(await pool.query(left)).rows[0].left;
    },
    stop: (worker) => worker.stop(),
    async clear() {
      await pool.query("DELETE FROM graphile_worker._private_jobs WHERE run_at <= now()");
      await pool.query("VACUUM ANALYZE graphile_worker._private_jobs");
    },
    close: async () => utils?.release(),
  };
}

async function boss() {
  const boss = new PgBoss({ connectionString: told.url, max: ENQUEUERS + 8, useListenNotify: true, schedule: false });
  boss.on("error", complain);
  await boss.start();
  const ids = () => null;
  return {
    async fill() {
      await boss.createQueue(NAME, { notify: true });
      const startAfter = new Date(Date.now() + 31_536_000_000);
      for (let left = waiting; left > 0; left -= 5_000) {
        const jobs = Array.from({ length: Math.min(left, 5_000) }, () => ({ data: { who: 0 }, startAfter }));
        await boss.insert(NAME, jobs);
      }
      await pool.query("VACUUM ANALYZE");
    },
    async enqueue(who, count) {
      if (count === 1) await boss.send(NAME, { who });
      else await boss.insert(NAME, Array.from({ length: count }, () => ({ data: { who } })));
    },
    async start(work, gauge) {
      const options = { batchSize: 500, localConcurrency: 2, burstWhenBatchFull: true, pollingIntervalSeconds: 0.5 };
      await boss.work(NAME, options, (jobs) => Promise.all(jobs.map((job) => gauge.run(job.data.who))).then(ids));
      return NAME;
    },
    async isDone() {
      const left = `SELECT EXISTS (SELECT 1 FROM pgboss.job WHERE name = $1 AND state < 'completed'
        AND start_after <= now()) AS left`;
      return !(await pool.query(left, [NAME])).rows[0].left;
    },
    stop: (name) => boss.offWork(name),
    async clear() {
      await pool.query("DELETE FROM pgboss.job WHERE state = 'created' AND start_after <= now()");
      await pool.query("VACUUM ANALYZE");
    },
    close: () => boss.stop({ graceful: false }),
  };
}
