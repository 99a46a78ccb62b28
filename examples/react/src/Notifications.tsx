import { useEffect, useState } from "react";
import { api } from "./client";

/** The number of unread notifications and the newest one, live. */
export function Notifications() {
  const [unread, setUnread] = useState(0);
  const [newest, setNewest] = useState("");

  useEffect(() => {
    const left = new AbortController();
    const listen = async () => {
      for await (const { event, data } of api.notificationEvents({}, { signal: left.signal })) {
        if (event === "unread") setUnread(data.unread);
        else setNewest(`${data.title}: ${data.body}`);
      }
    };
    // The service refuses it when the session is over, and the page asks to sign in.
    listen().catch(() => setNewest(""));
    return () => left.abort();
  }, []);

  return (
    <span className="bell">
      <span role="status">{newest}</span>
      <span className="badge" data-testid="unread" title="Unread notifications">{unread}</span>
    </span>
  );
}
