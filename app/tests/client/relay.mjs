// A connection to the server that can be cut.

import { connect, createServer } from "node:net";
import { once } from "node:events";

/** Passes bytes between a port of its own and the server's. */
export async function relay(port) {
  const pairs = new Set();
  let limit = Infinity;
  const server = createServer((client) => {
    const upstream = connect(port, "127.0.0.1");
    const pair = { client, upstream };
    pairs.add(pair);
    const end = () => {
      pairs.delete(pair);
      client.destroy();
      upstream.destroy();
    };
    let passed = 0;
    client.on("data", (bytes) => {
      passed += bytes.length;
      if (passed > limit) end();
      else if (!upstream.write(bytes)) client.pause();
    });
    upstream.on("drain", () => client.resume());
    upstream.pipe(client);
    for (const socket of [client, upstream]) socket.on("error", end).on("close", end);
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const cut = () => pairs.forEach(({ client }) => client.resetAndDestroy());
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    /** Ends all connections in the middle of whatever they carry. */
    cut,
    /** From now on a connection ends after so many bytes of its client. */
    cutAfter: (bytes) => (limit = bytes),
    close: () => {
      server.close();
      cut();
    },
  };
}
