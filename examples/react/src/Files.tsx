import { useEffect, useRef, useState } from "react";
import type { FileView } from "./api";
import { api } from "./client";

interface Row {
  key: string;
  name: string;
  /** What happens to it, or what came of it. */
  state: string;
  /** 0 to 1, while something happens. */
  done?: number;
}

export function Files() {
  const [rows, setRows] = useState<Row[]>([]);
  const left = useRef(new AbortController());

  useEffect(() => {
    left.current = new AbortController();
    const { signal } = left.current;
    api.listFiles({ limit: 8 }, { signal }).then(({ items }) => setRows(items.map(finished)), () => {});
    return () => left.current.abort();
  }, []);

  const upload = async (file: File) => {
    const { signal } = left.current;
    const key = crypto.randomUUID();
    const show = (row: Omit<Row, "key" | "name">) =>
      setRows((before) => before.map((one) => (one.key === key ? { key, name: file.name, ...row } : one)));
    setRows((before) => [{ key, name: file.name, state: "Sending", done: 0 }, ...before]);
    try {
      const onProgress = ({ sent, total }: { sent: number; total: number }) =>
        show({ state: `Sending ${percent(sent, total)} %`, done: sent / Math.max(total, 1) });
      const { id } = await api.uploadFile({ name: file.name, body: file }, { signal, onProgress });
      for await (const { event, data } of api.fileEvents({ id }, { signal })) {
        if (event === "progress") show({ state: data.message || "Processing", done: data.percent / 100 });
        else show(finished(data));
      }
    } catch (error) {
      if (!signal.aborted) show({ state: error instanceof Error ? error.message : String(error) });
    }
  };

  return (
    <section className="card">
      <h2>Files</h2>
      <label className="pick">
        Choose files
        <input type="file" multiple onChange={(event) => Array.from(event.target.files ?? []).forEach(upload)} />
      </label>
      <ul className="rows" data-testid="files">
        {rows.map(({ key, name, state, done }) => (
          <li key={key}>
            <b>{name}</b> <span className="quiet">{state}</span>
            {done !== undefined && <progress value={done} aria-label={`Progress of ${name}`} />}
          </li>
        ))}
      </ul>
    </section>
  );
}

function finished({ id, name, status, message, size }: FileView): Row {
  return { key: id, name, state: status === "ready" ? `Ready · ${size.toLocaleString("en")} bytes` : message || status };
}

function percent(sent: number, total: number): number {
  return total ? Math.round((100 * sent) / total) : 0;
}
