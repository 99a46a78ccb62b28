"""A person's way over the page at /, in a browser: journey.py ADDRESS PICTURES PORT REACT, where PORT serves other origins,
and REACT is the folder of the built React example.

Each function is a step and its name says what is so; they run in order, since each goes on where the one before left
the page. Nothing waits for a time: everything waits for what it wants to see.
"""

import pathlib
import re
import sys

from playwright.sync_api import expect

import elsewhere
import samples
from seen import DESKTOP, PHONE, Tab, keep_picture, walk

ADDRESS, PICTURES, PORT, REACT = sys.argv[1], pathlib.Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
PASSWORD = "tenfold-demo"
PICTURE = samples.png(600, 400)


def row(page, name):
    return page.locator("#file-list > li").filter(has=page.get_by_text(name, exact=True))


def sign_in(page, email):
    page.locator("#email").fill(email)
    page.locator("#password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.locator("#user-list tr").first).to_be_visible()


def picture(page, name):
    keep_picture(page, PICTURES, name)


def whoever_opens_the_page_is_asked_to_sign_in_and_told_of_the_demo(tab):
    tab.open()
    page = tab.page
    expect(page.locator("#demo-accounts button")).to_have_count(3)
    expect(page.locator("#signed-in")).to_be_hidden()
    picture(page, "sign-in")
    page.get_by_role("button", name="owner@globex.test").click()
    expect(page.locator("#email")).to_have_value("owner@globex.test")
    expect(page.locator("#password")).to_have_value(PASSWORD)
    expect(page.get_by_role("button", name="Sign in", exact=True)).to_be_focused()


def a_wrong_password_is_refused_in_words(tab):
    page = tab.page
    page.locator("#password").fill("wrong")
    with tab.refusals(401):
        page.get_by_role("button", name="Sign in", exact=True).click()
        expect(page.get_by_role("alert")).to_contain_text("password")
    expect(page.locator("#password")).to_be_focused()


def one_signs_in_by_keyboard_alone(tab):
    page = tab.page
    page.reload()
    expect(page.locator("#email")).to_be_focused()
    page.keyboard.type("owner@acme.test")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.locator("#user-list tr")).to_have_count(1000)
    expect(page.locator("#who")).to_have_text("owner@acme.test")


def a_thousand_users_cost_as_many_statements_as_ten(tab):
    # The first time four for the list and one for the session, and less of what is in memory.
    page = tab.page
    expect(page.locator("#cost")).to_have_text(re.compile("^1,000 users · [0-5] statements?"))
    page.get_by_role("radio", name="1,000").focus()
    for size in ("100", "10"):
        page.keyboard.press("ArrowLeft")
        expect(page.locator("#cost")).to_have_text(re.compile(f"^{size} users · (1 statement|0 statements) ·"))
        expect(page.locator("#user-list tr")).to_have_count(int(size))


def the_pages_of_the_list_are_turned_by_keys_and_by_buttons(tab):
    page = tab.page
    emails = page.locator("#user-list td:nth-child(2)")
    first = emails.all_inner_texts()
    page.locator("#user-rows").focus()
    page.keyboard.press("ArrowRight")
    expect(emails.first).not_to_have_text(first[0])
    assert min(emails.all_inner_texts()) > max(first), "the second page does not follow the first"
    page.keyboard.press("ArrowLeft")
    expect(emails.first).to_have_text(first[0])
    page.get_by_role("button", name="Next").click()
    expect(emails.first).not_to_have_text(first[0])
    page.get_by_role("button", name="Previous").click()
    expect(emails.first).to_have_text(first[0])
    expect(page.get_by_role("button", name="Previous")).to_be_disabled()


def every_stop_of_the_tab_key_has_a_name_and_shows_where_it_is(tab):
    page = tab.page
    page.reload()
    expect(page.locator("#user-list tr")).to_have_count(1000)
    page.keyboard.press("Tab")
    stops = []
    while len(stops) < 60:
        stop = page.evaluate("""() => {
            const stop = document.activeElement;
            if (stop === document.body) return null;
            const shown = stop.id === 'pick' ? stop.nextElementSibling
                : stop.type === 'radio' ? stop.nextElementSibling : stop;
            const name = stop.getAttribute('aria-label') ?? stop.labels?.[0]?.textContent ?? stop.textContent;
            return { what: stop.id || stop.tagName, name: name.trim(), outline: getComputedStyle(shown).outlineStyle };
        }""")
        if stop is None:
            break
        assert stop["name"], f"{stop} has no name"
        assert stop["outline"] != "none", f"{stop} does not show that it has the focus"
        stops.append(stop["what"])
        page.keyboard.press("Tab")
    for expected in ("bell", "sign-out", "pick", "user-rows"):
        assert expected in stops, f"the Tab key does not come to #{expected}: {stops}"


def chosen_files_are_followed_until_they_are_ready(tab):
    page = tab.page
    page.evaluate("""() => {
        window.said = new Set();
        const note = () => document.querySelectorAll('#file-list .state').forEach((state) => said.add(state.textContent));
        new MutationObserver(note).observe(document.querySelector('#file-list'), { subtree: true, childList: true });
    }""")
    files = [samples.upload("hills.png", PICTURE), samples.upload("people.csv", samples.csv(1200))]
    page.get_by_label("Choose files").set_input_files(files)
    expect(row(page, "hills.png")).to_contain_text("Ready · 600 × 400 pixels")
    expect(row(page, "people.csv")).to_contain_text("Ready · 2 columns × 1,200 rows")
    said = page.evaluate("[...said]")
    for word in ("Uploading", "Processing", "Ready"):
        assert any(word in text for text in said), f"nothing said {word}: {said}"


def a_picture_has_a_thumbnail(tab):
    image = row(tab.page, "hills.png").locator("img")
    tab.page.wait_for_function("(image) => image.complete && image.naturalWidth > 0", arg=image.element_handle())
    assert image.evaluate("(image) => [image.naturalWidth, image.naturalHeight]") == [256, 171]


def the_notification_comes_live_and_is_marked_as_read(tab):
    page = tab.page
    expect(page.locator("#toasts")).to_contain_text("Your file is ready: people.csv")
    expect(page.locator("#unread")).to_have_text("2")
    bell = page.get_by_role("button", name="Notifications, 2 unread")
    bell.focus()
    page.keyboard.press("Enter")
    told = page.locator("#told > li")
    expect(told).to_have_count(2)
    expect(told.first).to_contain_text("New")
    page.get_by_role("button", name="Mark as read: people.csv").click()
    expect(page.locator("#unread")).to_have_text("1")
    expect(told.filter(has_text="people.csv")).not_to_contain_text("New")
    picture(page, "notifications")
    page.get_by_role("button", name="Mark all as read").click()
    expect(page.locator("#unread")).to_be_hidden()
    page.keyboard.press("Escape")
    expect(page.locator("#inbox")).to_be_hidden()
    expect(page.get_by_role("button", name="Notifications", exact=True)).to_be_focused()


def dropped_files_are_uploaded_and_a_damaged_one_says_why_it_failed(tab):
    page = tab.page
    dropped = page.evaluate_handle(
        """([text, damaged]) => {
            const dropped = new DataTransfer();
            dropped.items.add(new File([text], 'minutes.txt'));
            dropped.items.add(new File([new Uint8Array(damaged)], 'damaged.png'));
            return dropped;
        }""",
        ["we met and agreed", list(PICTURE[:300])],
    )
    page.dispatch_event("#drop", "dragover", {"dataTransfer": dropped})
    expect(page.locator("#drop")).to_have_class("over")
    page.dispatch_event("#drop", "drop", {"dataTransfer": dropped})
    expect(row(page, "minutes.txt")).to_contain_text("Ready · 4 words")
    expect(row(page, "damaged.png")).to_contain_text("Failed: the image cannot be read")
    expect(page.locator("#unread")).to_have_text("2")
    expect(page.locator("#toasts")).to_contain_text("Your file could not be processed: damaged.png")
    picture(page, "page")


def a_notification_leads_to_its_file(tab):
    page = tab.page
    page.get_by_role("button", name="Notifications, 2 unread").click()
    page.get_by_role("button", name="Your file could not be processed New damaged.png").click()
    expect(row(page, "damaged.png")).to_be_focused()
    expect(page.locator("#unread")).to_have_text("1")


def what_is_too_large_or_over_the_quota_is_refused_in_words(tab):
    page = tab.page
    with tab.refusals(402, 413):
        page.get_by_label("Choose files").set_input_files([samples.upload("long.bin", bytes(2 * 2**20 + 1))])
        expect(row(page, "long.bin")).to_contain_text("at most 2 MiB are allowed")
        page.get_by_label("Choose files").set_input_files([samples.upload("first.bin", b"\1" * 2 * 2**20)])
        expect(row(page, "first.bin")).to_contain_text("Ready · 2 MiB")
        page.get_by_label("Choose files").set_input_files([samples.upload("second.bin", b"\2" * 2 * 2**20)])
        expect(row(page, "second.bin")).to_contain_text("the plan free allows 3 MiB of files")
    page.get_by_role("button", name="Dismiss long.bin").click()
    page.get_by_role("button", name="Dismiss second.bin").click()
    expect(row(page, "second.bin")).to_have_count(0)


def a_download_is_what_was_uploaded(tab):
    page = tab.page
    with page.expect_download() as download:
        page.get_by_role("link", name="Download hills.png").click()
    assert download.value.suggested_filename == "hills.png"
    assert pathlib.Path(download.value.path()).read_bytes() == PICTURE


def deleting_asks_first_and_escape_means_no(tab):
    page = tab.page
    delete = page.get_by_role("button", name="Delete first.bin")
    delete.click()
    expect(page.get_by_role("dialog")).to_contain_text("first.bin will be deleted")
    expect(page.get_by_role("button", name="Cancel")).to_be_focused()
    picture(page, "delete")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(row(page, "first.bin")).to_have_count(1)
    delete.click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(row(page, "first.bin")).to_have_count(0)


def a_reload_keeps_the_session_and_everything_in_it(tab):
    page = tab.page
    page.reload()
    expect(page.locator("#who")).to_have_text("owner@acme.test")
    expect(row(page, "people.csv")).to_contain_text("2 columns × 1,200 rows")
    page.get_by_role("button", name="Notifications").click()
    expect(page.locator("#told > li")).to_have_count(5)
    page.keyboard.press("Escape")


def a_name_that_looks_like_markup_is_text(tab):
    page = tab.page
    name = "<img src=x onerror=alert(1)>.txt"
    page.get_by_label("Choose files").set_input_files([samples.upload(name, b"harmless")])
    expect(row(page, name)).to_contain_text("Ready · 1 word")
    page.get_by_role("button", name=f"Delete {name}").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(row(page, name)).to_have_count(0)


def a_script_that_got_into_the_page_would_not_run(tab):
    page = tab.page
    with tab.breach():
        page.evaluate("""() => {
            const script = document.createElement('script');
            script.textContent = 'window.ran = true';
            document.body.append(script);
        }""")
        assert page.evaluate("window.ran") is None


def what_one_window_changes_another_shows(tab):
    page, other = tab.page, tab.page.context.new_page()
    other.goto(ADDRESS)
    expect(row(other, "minutes.txt")).to_contain_text("Ready")
    page.get_by_label("Choose files").set_input_files([samples.upload("both.txt", b"seen twice")])
    for window in (page, other):
        expect(row(window, "both.txt")).to_contain_text("Ready · 2 words")
        expect(window.locator("#toasts")).to_contain_text("Your file is ready: both.txt")
    picture(other, "other-window")
    row(other, "both.txt").get_by_role("button", name="Delete both.txt").click()
    other.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(row(page, "both.txt")).to_have_count(0)
    other.close()


def signing_out_ends_the_session_in_this_tab_and_in_the_other(tab):
    other = Tab(tab.page.context.browser, ADDRESS, storage_state=tab.context.storage_state())
    other.open()
    expect(other.page.locator("#who")).to_have_text("owner@acme.test")
    # What it still fetched would be refused.
    expect(row(other.page, "hills.png").locator("img")).to_have_js_property("complete", True)
    tab.page.get_by_role("button", name="Sign out", exact=True).click()
    expect(tab.page.locator("#email")).to_be_focused()
    expect(tab.page.locator("#file-list > li")).to_have_count(0)
    # The stream of the other one ends, and it learns why when it comes back.
    with other.refusals(401):
        expect(other.page.get_by_role("alert")).to_contain_text("Your session has ended", timeout=30_000)
    other.close()
    tab.page.reload()
    expect(tab.page.locator("#email")).to_be_focused()


def who_is_in_two_organizations_sees_in_each_its_own_files(tab):
    page = tab.page
    sign_in(page, "both@demo.test")
    switch = page.locator("#switch")
    for _ in range(2):
        switch.select_option("Acme")
        expect(page.locator("#cost")).to_have_text(re.compile("^1,000 users · [0-5] statements?"))
        expect(row(page, "people.csv")).to_have_count(1)
        switch.select_option("Globex")
        expect(page.locator("#cost")).to_have_text(re.compile("^10 users · [0-5] statements?"))
        expect(page.locator("#no-files")).to_be_visible()
        expect(page.locator("#file-list > li")).to_have_count(0)
    page.reload()
    expect(page.locator("#switch option:checked")).to_have_text("Globex")


def a_switch_in_another_tab_is_noticed_when_this_one_is_seen_again(tab):
    page = tab.page
    acme = page.locator("#switch option", has_text="Acme").get_attribute("value")
    # As another tab does: the cookie that they share is then another session's.
    origin = {"Origin": ADDRESS}
    tab.context.request.post("/v1/auth/switch", data={"organization": acme}, headers=origin)
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.locator("#switch option:checked")).to_have_text("Acme")
    expect(row(page, "people.csv")).to_have_count(1)


def on_a_phone_nothing_is_wider_than_the_screen(tab):
    phone = Tab(tab.page.context.browser, ADDRESS, viewport=PHONE, device_scale_factor=2)
    phone.open()
    page = phone.page
    expect(page.locator("#demo")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    picture(page, "phone-sign-in")
    sign_in(page, "both@demo.test")
    expect(row(page, "people.csv")).to_have_count(1)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    picture(page, "phone")
    page.get_by_role("button", name="Notifications").click()
    expect(page.locator("#told-nothing")).to_be_visible()
    picture(page, "phone-notifications")
    phone.close()


def the_links_lead_to_the_page_of_the_api_and_back(tab):
    page = tab.page
    page.get_by_role("link", name="API").click()
    expect(page.locator("#operations-users-list_users")).to_be_visible()
    page.go_back()
    expect(page.locator("#who")).to_have_text("both@demo.test")


def an_upload_is_followed_in_the_console_from_its_request_to_the_notification(tab):
    page = tab.page
    page.get_by_role("link", name="Console").click()
    page.get_by_label("Password").fill("not the password")
    with tab.refusals(403):
        page.get_by_label("Password").press("Enter")
        expect(page.get_by_role("alert")).to_have_text("Wrong password.")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_label("Password").press("Enter")
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    picture(page, "console")
    # The first page has a few endpoints only.
    page.get_by_role("link", name="Endpoints", exact=True).first.click()
    page.get_by_role("link", name="POST /v1/files").first.click()
    # Not one of those that were refused: they have no job.
    page.locator("tbody tr").filter(has_text="202").get_by_role("link").first.click()
    for piece in ("POST /v1/files", "files.process_upload", "notifications.on_file_ready"):
        expect(page.locator("tr.head").filter(has_text=piece)).to_have_count(1)
    picture(page, "console-trace")
    for name in ("Endpoints", "Statements", "Modules", "Jobs"):
        page.get_by_role("link", name=name, exact=True).first.click()
        expect(page.get_by_role("heading", name=name, exact=True, level=1)).to_be_visible()
        picture(page, f"console-{name.lower()}")


def a_person_is_found_in_the_console_and_what_is_done_is_in_its_log(tab):
    page = tab.page
    page.get_by_role("link", name="People", exact=True).click()
    page.get_by_role("searchbox").fill("owner@globex")
    page.get_by_role("button", name="Find").click()
    page.get_by_role("link", name="owner@globex.test").click()
    expect(page.get_by_role("link", name="Globex")).to_be_visible()
    picture(page, "console-person")
    page.get_by_role("button", name="Mail a link for a new password").click()
    page.get_by_role("link", name="Log", exact=True).click()
    expect(page.locator("tbody tr").first).to_contain_text("mails a link for a new password")
    picture(page, "console-log")


def the_console_renews_itself_until_it_is_paused(tab):
    page = tab.page
    page.get_by_role("link", name="Overview").click()
    shown = page.locator(".verdict strong").first
    before = shown.inner_text()
    # Somebody else asks for something; nobody touches this page.
    tab.context.request.get("/healthz")
    expect(shown).not_to_have_text(before)
    page.get_by_role("button", name="Live").click()
    expect(page.get_by_role("button", name="Paused")).to_have_attribute("aria-pressed", "false")


def signing_out_of_the_console_leads_back_to_its_password(tab):
    page = tab.page
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("Password")).to_be_focused()
    page.goto(f"{ADDRESS}/console/jobs")
    expect(page.get_by_label("Password")).to_be_focused()
    page.goto(ADDRESS)
    expect(page.locator("#who")).to_have_text("both@demo.test")


def a_dozen_files_at_once_do_not_stand_in_each_others_way(tab):
    page = tab.page
    files = [samples.upload(f"{number:02}.txt", b"one two") for number in range(12)]
    page.get_by_label("Choose files").set_input_files(files)
    # A browser has six connections to the service, and this needs one while all are under way.
    page.get_by_role("radio", name="1,000").focus()
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#cost")).to_have_text(re.compile("^100 users · [0-5] statements?"))
    for file in files:
        expect(row(page, file["name"])).to_contain_text("Ready · 2 words")


def a_page_of_another_port_signs_in_lists_uploads_and_listens_by_cookie(tab):
    used = elsewhere.use_the_api(tab.page.context.browser, f"http://127.0.0.1:{PORT}", ADDRESS, "cookie")
    assert used == elsewhere.SUCCESS, used


def a_page_of_a_listed_origin_on_another_site_does_the_same_by_token(tab):
    used = elsewhere.use_the_api(tab.page.context.browser, f"http://listed.elsewhere.test:{PORT}", ADDRESS, "token")
    assert used == elsewhere.SUCCESS, used


def a_page_of_an_origin_that_is_not_listed_can_do_none_of_it(tab):
    for by in ("cookie", "token"):
        page = f"http://unlisted.elsewhere.test:{PORT}"
        used = elsewhere.use_the_api(tab.page.context.browser, page, ADDRESS, by)
        assert used == {"refused": "TypeError: Failed to fetch"}, used


def no_page_of_another_port_can_read_the_console(tab):
    for path in ("/console/sign-in", "/metrics", "/"):
        read = elsewhere.read(tab.page.context.browser, f"http://127.0.0.1:{PORT}", f"{ADDRESS}{path}")
        assert read == "TypeError: Failed to fetch", f"{path}: {read}"


def the_react_example_signs_in_lists_uploads_and_streams_from_another_origin(tab):
    example = Tab(tab.page.context.browser, elsewhere.serve_folder(REACT), also=[ADDRESS], viewport=DESKTOP)
    example.open()
    page = example.page
    page.get_by_label("Password").fill("wrong")
    with example.refusals(401):
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("alert")).to_have_text("Email or password is wrong.")
    page.get_by_label("Email").fill("owner@globex.test")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    users = page.get_by_test_id("users").locator("li")
    expect(users).to_have_count(8)
    page.get_by_role("button", name="More").click()
    expect(users).to_have_count(10)
    react_uploads(page)
    picture(page, "react")
    page.reload()
    expect(page.get_by_test_id("files")).to_contain_text("poem.txt Ready · 400,000 bytes")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("Email")).to_be_visible()
    example.close()


def react_uploads(page):
    """Uploads a file over a slow line, and sees every step until it is ready, and its notification."""
    line = page.context.new_cdp_session(page)
    line.send("Network.emulateNetworkConditions", {
        "offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 200_000,
    })
    page.evaluate("""() => {
        window.said = new Set();
        const files = document.querySelector('[data-testid=files]');
        const note = () => said.add(files.querySelector('li .quiet')?.textContent);
        new MutationObserver(note).observe(files, { subtree: true, childList: true, characterData: true });
    }""")
    page.get_by_label("Choose files").set_input_files([samples.upload("poem.txt", b"a poem, " * 50_000)])
    expect(page.get_by_test_id("files")).to_contain_text("poem.txt Ready · 400,000 bytes")
    expect(page.get_by_role("status")).to_have_text("Your file is ready: poem.txt")
    expect(page.get_by_test_id("unread")).not_to_have_text("0")
    sent = {int(text.split()[1]) for text in page.evaluate("[...said]") if text and text.startswith("Sending ")}
    assert any(0 < percent < 100 for percent in sent), f"the upload told only {sent}"


def an_operation_of_the_api_is_tried_on_its_page(tab):
    tab.open("/docs")
    for operation in ("identity-sign_in", "users-list_users"):
        shown = tab.page.locator(f"#operations-{operation}")
        shown.locator(".opblock-summary-control").click()
        # The example of the document signs in as the demo's owner; its token goes along with the next operation.
        shown.get_by_role("button", name="Execute").click()
        expect(shown.locator(".live-responses-table tr.response td.response-col_status")).to_have_text("200")
    picture(tab.page, "docs")


if __name__ == "__main__":
    walk(sys.modules[__name__], ADDRESS, PICTURES, lambda: elsewhere.serve(PORT))
