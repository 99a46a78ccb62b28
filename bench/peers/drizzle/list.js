// node list.js URL [--quick]: lists users with profile, settings and permissions through Drizzle's relational
// queries, which send one statement, and prints a JSON object a line. The tables must be there.
//
// SQLite is reached through libSQL's own build of it, which comes as a package; the more usual better-sqlite3
// downloads its binary from elsewhere.

import { asc, eq, relations } from "drizzle-orm";

const [url, quick] = [process.argv[2], process.argv.includes("--quick")];
const sqlite = url.startsWith("sqlite:");

const { table, id, text } = await describe();
const users = table("people_users", { orgId: id("org_id"), id: id("id"), email: text("email"), name: text("name") });
const profiles = table("people_profiles", { orgId: id("org_id"), userId: id("user_id"), city: text("city") });
const settings = table("people_settings", { orgId: id("org_id"), userId: id("user_id"), theme: text("theme") });
const permissions = table("people_permissions", {
  orgId: id("org_id"),
  id: id("id"),
  userId: id("user_id"),
  name: text("name"),
});
const ofUser = (theirs) => ({ fields: [users.orgId, users.id], references: [theirs.orgId, theirs.userId] });
const schema = {
  users,
  profiles,
  settings,
  permissions,
  ofUsers: relations(users, ({ one, many }) => ({
    profile: one(profiles, ofUser(profiles)),
    settings: one(settings, ofUser(settings)),
    permissions: many(permissions),
  })),
  ofPermissions: relations(permissions, ({ one }) => ({
    user: one(users, { fields: [permissions.orgId, permissions.userId], references: [users.orgId, users.id] }),
  })),
};
let statements = 0;
const { database, close } = await open();

for (const size of [10, 100, 1000]) {
  const rounds = Math.ceil((quick ? 6_000 : 40_000) / (size + 90));
  const times = [];
  for (let round = 0; round < rounds; round++) {
    statements = 0;
    const began = process.hrtime.bigint();
    const views = await list(organization(size));
    times.push(Number(process.hrtime.bigint() - began) / 1_000);
    if (views.length !== size) throw new Error(`the list of ${size} has ${views.length}`);
  }
  times.sort((a, b) => a - b);
  const part = (share) => Math.round(times[Math.max(0, Math.ceil(times.length * share) - 1)] * 10) / 10;
  const line = { case: "drizzle", users: size, n: times.length, median_us: part(0.5), p99_us: part(0.99), statements };
  console.log(JSON.stringify(line));
}
await close();

async function list(organization) {
  const found = await database.query.users.findMany({
    columns: { id: true, name: true },
    where: eq(users.orgId, organization),
    orderBy: [asc(users.email), asc(users.id)],
    limit: 1001,
    with: {
      profile: { columns: { city: true } },
      settings: { columns: { theme: true } },
      permissions: { columns: { name: true }, orderBy: [asc(permissions.id)] },
    },
  });
  return found.map((user) => ({
    id: user.id,
    name: user.name,
    city: user.profile.city,
    theme: user.settings.theme,
    permissions: user.permissions.map((permission) => permission.name),
  }));
}

// The organization with so many users: a UUID that is that number.
function organization(size) {
  const digits = size.toString(16).padStart(32, "0");
  if (sqlite) return Buffer.from(digits, "hex");
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

async function describe() {
  if (sqlite) {
    const { sqliteTable, blob, text } = await import("drizzle-orm/sqlite-core");
    return { table: sqliteTable, id: (name) => blob(name, { mode: "buffer" }), text };
  }
  const { pgTable, uuid, text } = await import("drizzle-orm/pg-core");
  return { table: pgTable, id: uuid, text };
}

async function open() {
  const logger = { logQuery: () => statements++ };
  if (sqlite) {
    const { createClient } = await import("@libsql/client");
    const { drizzle } = await import("drizzle-orm/libsql");
    const client = createClient({ url: `file:${url.slice("sqlite:".length)}` });
    return { database: drizzle(client, { schema, logger }), close: async () => client.close() };
  }
  const { default: postgres } = await import("postgres");
  const { drizzle } = await import("drizzle-orm/postgres-js");
  const client = postgres(url, { max: 16 });
  return { database: drizzle(client, { schema, logger }), close: () => client.end() };
}
