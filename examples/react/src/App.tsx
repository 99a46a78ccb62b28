import { useEffect, useState } from "react";
import type { CurrentSession } from "./api";
import { api, session, token } from "./client";
import { Files } from "./Files";
import { Notifications } from "./Notifications";
import { SignIn } from "./SignIn";
import { Users } from "./Users";

type Here = Pick<CurrentSession, "organization" | "user">;

export function App() {
  /** `undefined`: not known yet. */
  const [here, setHere] = useState<Here | null>();

  useEffect(() => {
    const end = () => setHere(null);
    session.addEventListener("end", end);
    // After a reload the token is still there.
    if (token.get()) api.currentSession().then(setHere, end);
    else end();
    return () => session.removeEventListener("end", end);
  }, []);

  if (here === undefined) return null;
  if (here === null) return <SignIn then={setHere} />;
  const signOut = () => api.signOut().finally(() => setHere(null));
  return (
    <>
      <header>
        <h1>{here.organization.name}</h1>
        <Notifications />
        <span className="quiet">{here.user.email}</span>
        <button onClick={signOut}>Sign out</button>
      </header>
      <main>
        <Files />
        <Users />
      </main>
    </>
  );
}
