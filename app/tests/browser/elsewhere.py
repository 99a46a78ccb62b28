"""Pages of other origins, and what their scripts can do with the API."""

import functools
import http.server
import threading

SUCCESS = {"signedInAs": "owner@globex.test", "users": 10, "isCheap": True, "requestId": True, "file": "ready"}

USE = """async ({ api, by }) => {
    const headers = {};
    const call = async (method, path, type, body) => {
        const sent = body === undefined ? headers : { ...headers, 'Content-Type': type };
        const credentials = by === 'cookie' ? 'include' : 'omit';
        const answer = await fetch(api + path, { method, body, headers: sent, credentials });
        if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
        return answer;
    };
    // EventSource sends no Authorization.
    const streamed = async (path) => {
        const answer = await call('GET', path);
        const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
        for (let text = ''; ;) {
            const { done, value } = await reader.read();
            text += value ?? '';
            const end = text.match(/event: (ready|failed)/);
            if (end) return end[1];
            if (done) return `the stream ended: ${text}`;
        }
    };
    const listened = (path) => new Promise((resolve) => {
        const source = new EventSource(api + path, { withCredentials: true });
        const end = (event) => { source.close(); resolve(event.type); };
        for (const name of ['ready', 'failed', 'error']) source.addEventListener(name, end);
    });
    try {
        const person = JSON.stringify({ email: 'owner@globex.test', password: 'tenfold-demo' });
        const session = await (await call('POST', '/v1/auth/sign-in', 'application/json', person)).json();
        if (by === 'token') headers.Authorization = `Bearer ${session.token}`;
        const users = await call('GET', '/v1/users');
        const upload = await call('POST', '/v1/files?name=elsewhere.txt', 'application/octet-stream', 'some words');
        const file = upload.headers.get('Location');
        const ended = await (by === 'cookie' ? listened : streamed)(`${file}/events`);
        await call('DELETE', file);
        return {
            signedInAs: session.user.email,
            users: (await users.json()).items.length,
            // Four for the list, and one for the session; less if they are in memory.
            isCheap: [0, 1, 2, 3, 4, 5].includes(Number(users.headers.get('Server-Timing').match(/statements=(\\d+)/)[1])),
            requestId: users.headers.get('X-Request-Id') !== null,
            file: ended,
        };
    } catch (error) {
        return { refused: String(error) };
    }
}"""

READ = """(url) => fetch(url, { credentials: 'include' })
    .then((answer) => `${answer.status}`, (error) => String(error))"""


class Empty(http.server.BaseHTTPRequestHandler):
    """The same page for every path and every name of this machine."""

    def do_GET(self):
        body = b"<!doctype html><title>Elsewhere</title>"
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Files(http.server.SimpleHTTPRequestHandler):
    """The files of a folder."""

    def log_message(self, *_):
        pass


def serve(port):
    """Serves the page until the process ends."""
    listen(port, Empty)


def serve_folder(folder):
    """Serves a folder until the process ends, and returns its origin."""
    return f"http://127.0.0.1:{listen(0, functools.partial(Files, directory=folder))}"


def listen(port, handler):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_port


def run(browser, page_of, script, arg):
    """Runs a script in a page of an origin, in a browser that knows no session yet."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(page_of)
    result = page.evaluate(script, arg)
    context.close()
    return result


def use_the_api(browser, page_of, api, by):
    """Signs in, lists, uploads, listens and deletes, by `cookie` or by `token`; says what came of it."""
    return run(browser, page_of, USE, {"api": api, "by": by})


def read(browser, page_of, url):
    """The status that a script learns, or the error."""
    return run(browser, page_of, READ, url)
