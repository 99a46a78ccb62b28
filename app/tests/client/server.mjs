// The running application, which a test may stop and start again.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { openSync, writeFileSync } from "node:fs";

const { APPLICATION, DATABASE, FOLDER, LISTEN } = process.env;
export const port = Number(LISTEN.split(":")[1]);
export const baseUrl = `http://${LISTEN}`;
let child;

export async function start() {
  const log = openSync(`${FOLDER}/log`, "a");
  const words = ["serve", "--demo", "--listen", LISTEN, "--database", DATABASE];
  const env = {
    ...process.env,
    // A small bound, so that a small file reaches it.
    TENFOLD_FILES__MAX_SIZE: "4 MiB",
    // Longer than a busy machine stands still.
    TENFOLD_DATABASE__TRANSACTION_LIMIT: "30s",
    TENFOLD_DATABASE__ACQUIRE_TIMEOUT: "60s",
  };
  child = spawn(APPLICATION, words, { cwd: FOLDER, env, stdio: ["ignore", log, log] });
  // Whoever started this script ends what it leaves behind.
  writeFileSync(`${FOLDER}/pid`, String(child.pid));
  for (;;) {
    const isReady = await fetch(`${baseUrl}/readyz`).then((answer) => answer.ok, () => false);
    if (isReady) return;
    if (child.exitCode !== null) throw new Error(`the application ended: see ${FOLDER}/log`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

export async function stop() {
  if (!child || child.exitCode !== null) return;
  const exited = once(child, "exit");
  child.kill("SIGTERM");
  await exited;
}
