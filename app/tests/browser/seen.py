"""A browser, and tabs whose mistakes are noticed: errors, breaches of the policy, requests to elsewhere."""

import contextlib
import inspect
import shutil
import time
from urllib.parse import urlsplit

from playwright.sync_api import expect, sync_playwright

DESKTOP, PHONE = {"width": 1280, "height": 860}, {"width": 360, "height": 740}
expect.set_options(timeout=15_000)

# Headless, on a build machine, talking to this one service: nothing of the browser's own may go to the network.
OPTIONS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
    # Names of other sites, served by this machine.
    "--host-resolver-rules=MAP *.elsewhere.test 127.0.0.1",
]


def launch(playwright):
    """Debian's chromium with a fresh profile."""
    return playwright.chromium.launch(executable_path=shutil.which("chromium"), args=OPTIONS)


class Tab:
    """A tab with a session of its own, and what went wrong in it."""

    def __init__(self, browser, address, also=(), **options):
        self.address = address
        self.allowed = (address, *also)
        self.context = browser.new_context(base_url=address, **options)
        self.page = self.context.new_page()
        self.wrong = []
        self.expected = []
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.wrong.append(f"an exception: {error}"))
        self.page.on("response", self._response)
        self.page.on("request", self._request)

    def open(self, path="/"):
        self.page.goto(path)

    @contextlib.contextmanager
    def refusals(self, *statuses):
        """Answers of these statuses are part of what is tried, each at least once."""
        before, self.expected = self.expected, list(statuses)
        self.missing = set(statuses)
        yield
        assert not self.missing, f"no answer of {self.missing}"
        self.expected = before

    @contextlib.contextmanager
    def breach(self):
        """What the policy forbids is tried, and must be noticed."""
        before, self.wrong = self.wrong, []
        yield
        noticed = [wrong for wrong in self.wrong if "Content Security Policy" in wrong]
        assert noticed, f"the policy forbade nothing: {self.wrong}"
        self.wrong = before

    def check(self):
        """Fails if anything went wrong so far."""
        assert not self.wrong, "\n".join(self.wrong)

    def close(self):
        self.check()
        self.context.close()

    def _console(self, message):
        # The browser writes a line for each refusal; those are judged as answers.
        if message.type in ("error", "warning") and "the server responded with a status of" not in message.text:
            self.wrong.append(f"console {message.type}: {message.text}")

    def _response(self, response):
        if response.status < 400:
            return
        if response.status in self.expected:
            self.missing.discard(response.status)
        else:
            self.wrong.append(f"{response.request.method} {response.url}: {response.status}")

    def _request(self, request):
        target = urlsplit(request.url)
        if target.scheme not in ("data", "blob") and f"{target.scheme}://{target.netloc}" not in self.allowed:
            self.wrong.append(f"a request to elsewhere: {request.url}")


def keep_picture(page, folder, name):
    """Keeps what is seen, in light and in dark."""
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        page.screenshot(path=folder / f"{name}-{scheme}.png")
    page.emulate_media(color_scheme="light")


def walk(module, address, pictures, prepare=lambda: None):
    """Runs the steps of a module in a browser: its functions that take a tab, in their order in the file."""
    steps = [step for _, step in inspect.getmembers(module, inspect.isfunction) if step.__module__ == module.__name__]
    steps = [step for step in steps if list(inspect.signature(step).parameters) == ["tab"]]
    with sync_playwright() as playwright:
        browser = launch(playwright)
        prepare()
        tab = Tab(browser, address, viewport=DESKTOP)
        for step in sorted(steps, key=lambda step: step.__code__.co_firstlineno):
            began, sentence = time.monotonic(), step.__name__.replace("_", " ")
            try:
                step(tab)
                tab.check()
            except BaseException:
                tab.page.screenshot(path=pictures / "failed.png")
                print(f"FAILED {sentence}; target/browser/failed.png shows the page", flush=True)
                raise
            print(f"ok {sentence} ({time.monotonic() - began:.1f} s)", flush=True)
        tab.close()
        browser.close()
