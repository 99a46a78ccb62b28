import { createClient, tokenIn } from "./api";
import { uploadWithProgress } from "./upload";

/** Listeners of the session's end. */
export const session = new EventTarget();

/** Survives a reload. A page of the service's own site would say "cookie" instead, and keep no token at all. */
export const token = tokenIn(sessionStorage);

export const api = createClient({
  baseUrl: import.meta.env["VITE_API"] ?? "http://127.0.0.1:8080",
  session: token,
  onSessionEnd: () => session.dispatchEvent(new Event("end")),
  upload: uploadWithProgress,
});
