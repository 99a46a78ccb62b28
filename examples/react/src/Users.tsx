import { useCallback, useEffect, useState } from "react";
import type { UserView } from "./api";
import { api } from "./client";

export function Users() {
  const [users, setUsers] = useState<UserView[]>([]);
  const [cursor, setCursor] = useState<string | null>();

  const load = useCallback(async (from: string | undefined, signal?: AbortSignal) => {
    const page = await api.listUsers({ limit: 8, cursor: from }, { signal });
    setUsers((before) => (from ? [...before, ...page.items] : page.items));
    setCursor(page.next_cursor ?? null);
  }, []);

  useEffect(() => {
    const left = new AbortController();
    load(undefined, left.signal).catch(() => left.signal.aborted || setCursor(null));
    return () => left.abort();
  }, [load]);

  return (
    <section className="card">
      <h2>Users</h2>
      <ul className="rows" data-testid="users">
        {users.map(({ id, email, profile, role }) => (
          <li key={id}>
            <span><b>{profile.display_name}</b> <span className="quiet">{email}</span></span>
            <span className="badge">{role}</span>
          </li>
        ))}
      </ul>
      {cursor && <button onClick={() => load(cursor)}>More</button>}
    </section>
  );
}
