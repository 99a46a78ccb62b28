import type { UploadTransport } from "./api";

/** Sends an upload and reports every step, which a browser's fetch does not. */
export const uploadWithProgress: UploadTransport = ({ method, url, headers, body, credentials, signal }, onProgress) =>
  new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open(method, url);
    request.withCredentials = credentials === "include";
    headers.forEach((value, name) => request.setRequestHeader(name, value));
    request.upload.onprogress = ({ loaded }) => onProgress(loaded);
    request.onload = () => {
      const answered = new Headers();
      for (const line of request.getAllResponseHeaders().trim().split("\r\n")) {
        const colon = line.indexOf(":");
        if (colon > 0) answered.append(line.slice(0, colon), line.slice(colon + 1).trim());
      }
      // A response of one of these statuses has no body.
      const text = [204, 205, 304].includes(request.status) ? null : request.responseText;
      resolve(new Response(text, { status: request.status, headers: answered }));
    };
    request.onerror = () => reject(new TypeError("the connection was cut"));
    request.onabort = () => reject(signal?.reason);
    signal?.throwIfAborted();
    signal?.addEventListener("abort", () => request.abort());
    request.send(body);
  });
