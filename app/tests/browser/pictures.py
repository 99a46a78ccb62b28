"""Makes the pictures of the README: pictures.py ADDRESS FOLDER. `.ci/browser pictures` starts what it needs."""

import pathlib
import sys

from playwright.sync_api import expect, sync_playwright

import samples
from seen import Tab, launch

ADDRESS, FOLDER = sys.argv[1], pathlib.Path(sys.argv[2])


def main():
    with sync_playwright() as playwright:
        browser = launch(playwright)
        tab = Tab(browser, ADDRESS, viewport={"width": 1280, "height": 800}, reduced_motion="reduce")
        page = tab.page
        tab.open()
        page.get_by_role("button", name="owner@acme.test").click()
        page.get_by_role("button", name="Sign in").click()
        picture = samples.png(1200, 800)
        for name, content in [
            ("minutes.txt", b"we met and agreed on everything " * 80),
            ("damaged.png", picture[:2000]),
            ("customers.csv", samples.csv(1200)),
            ("hills.png", picture),
        ]:
            page.get_by_label("Choose files").set_input_files([samples.upload(name, content)])
            expect(page.locator("#file-list .name").first).to_have_text(name)
            # One after the other, so that the list has this order.
            status = "failed" if name == "damaged.png" else "ready"
            expect(page.locator("#file-list > li").first).to_have_attribute("data-status", status)
        expect(page.locator("#unread")).to_have_text("4")
        # Anew, so that the figures are those of a process that has warmed up, and nothing in passing is shown.
        page.reload()
        expect(page.locator("#user-list tr")).to_have_count(1000)
        expect(page.locator("#unread")).to_have_text("4")
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            page.screenshot(path=FOLDER / f"page-{scheme}.png")
        page.goto(f"{ADDRESS}/console")
        page.get_by_label("Password").fill("tenfold-demo")
        page.get_by_label("Password").press("Enter")
        page.get_by_role("link", name="POST /v1/files").first.click()
        page.locator("tbody").get_by_role("link", name="POST /v1/files").first.click()
        expect(page.locator("tr.head")).to_have_count(3)
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            page.screenshot(path=FOLDER / f"console-{scheme}.png")
        tab.close()
        browser.close()


if __name__ == "__main__":
    main()
