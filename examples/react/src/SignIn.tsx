import { useState, type FormEvent } from "react";
import { isProblem, type SignedIn } from "./api";
import { api } from "./client";

export function SignIn({ then }: { then: (session: SignedIn) => void }) {
  const [refusal, setRefusal] = useState("");

  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    try {
      then(await api.signIn({ body: { email: String(form.get("email")), password: String(form.get("password")) } }));
    } catch (error) {
      setRefusal(isProblem(error, "wrong-credentials") ? "Email or password is wrong." : String(error));
    }
  };

  return (
    <form className="card sign-in" onSubmit={submit}>
      <h1>Tenfold from React</h1>
      <p className="quiet">This page comes from another origin than the API.</p>
      <label>Email <input name="email" type="email" defaultValue="owner@acme.test" required /></label>
      <label>Password <input name="password" type="password" defaultValue="tenfold-demo" required /></label>
      <button className="main">Sign in</button>
      <p role="alert">{refusal}</p>
    </form>
  );
}
