"""A founder's first week over the page at /, in a browser: people.py ADDRESS PICTURES PORT AXE, where mails are sent to PORT, and
AXE is the script of axe-core, which judges the pages by WCAG 2.2 AA.

The steps run in order, as in journey.py.
"""

import base64
import hashlib
import hmac
import pathlib
import struct
import sys
import time

from playwright.sync_api import expect

import samples
from mails import Mails
from seen import DESKTOP, PHONE, Tab, keep_picture, walk

ADDRESS, PICTURES, AXE = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[4]).read_text()
MAILS = Mails(int(sys.argv[3]))
ADA, GRACE = "ada@new.test", "grace@new.test"
FIRST, SECOND, THIRD = "correct horse battery", "another good password", "a third good password"
LEVELS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
kept = {}


def picture(page, name):
    keep_picture(page, PICTURES, f"people-{name}")


def judge(page):
    """Fails on what axe finds, in light and in dark. The script comes by the debugger, which the page's policy does not bind."""
    page.evaluate(AXE)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        found = page.evaluate("(levels) => axe.run({ runOnly: levels })", LEVELS)
        wrong = [f"{rule['id']}: {rule['help']}: {node['html']}" for rule in found["violations"] for node in rule["nodes"]]
        assert not wrong, f"{scheme}: " + "\n".join(wrong)
    page.emulate_media(color_scheme="light")


def visit(page, name):
    page.get_by_role("link", name=name, exact=True).click()
    expect(page.get_by_role("link", name=name, exact=True)).to_have_attribute("aria-current", "page")


def sign_in(page, email, password):
    page.locator("#email").fill(email)
    page.locator("#password").fill(password)
    page.get_by_role("button", name="Sign in", exact=True).click()


def follow(page, recipient, subject):
    """Opens the link of a mail, in a page that is loaded: a change behind # alone loads none."""
    page.goto("about:blank")
    page.goto(MAILS.link(recipient, subject))


def sign_out(page):
    page.get_by_role("button", name="Sign out", exact=True).click()
    expect(page.locator("#email")).to_be_focused()


def prove(page, password):
    """Types the password that is asked for before something dangerous."""
    dialog = page.get_by_role("dialog", name="Your password, please")
    dialog.locator("#prove-password").fill(password)
    dialog.get_by_role("button", name="Continue").click()
    expect(dialog).to_be_hidden()


def told(page, text):
    expect(page.locator("#toasts")).to_contain_text(text)


def code(secret):
    """What an authenticator application shows now (RFC 6238)."""
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    made = hmac.new(key, struct.pack(">Q", int(time.time()) // 30), hashlib.sha1).digest()
    at = made[-1] & 15
    return f"{(struct.unpack('>I', made[at:at + 4])[0] & 0x7fffffff) % 1_000_000:06}"


def a_stranger_signs_up_and_is_in(tab):
    tab.open()
    page = tab.page
    judge(page)
    page.get_by_role("button", name="Create an account").click()
    expect(page.locator("#new-email")).to_be_focused()
    picture(page, "sign-up")
    judge(page)
    page.locator("#new-email").fill(ADA)
    page.locator("#first-password").fill(FIRST)
    page.locator("#new-organization").fill("Engines")
    page.get_by_role("button", name="Create", exact=True).click()
    expect(page.locator("#who")).to_have_text(ADA)
    expect(page.locator("#organization")).to_have_text("Engines")
    judge(page)


def who_has_not_confirmed_the_address_is_told_so_where_it_matters(tab):
    page = tab.page
    visit(page, "Account")
    expect(page.locator("#address")).to_contain_text("not confirmed yet")
    visit(page, "Organization")
    page.locator("#invite-email").fill(GRACE)
    with tab.refusals(403):
        page.get_by_role("button", name="Invite", exact=True).click()
        expect(page.get_by_role("alert")).to_contain_text("not confirmed")
    expect(page.get_by_role("button", name="Mail me the link")).to_be_visible()
    judge(page)


def the_link_of_the_mail_confirms_it(tab):
    page = tab.page
    page.get_by_role("button", name="Mail me the link").click()
    told(page, "A mail is on its way")
    follow(page, ADA, "Confirm your address")
    expect(page.get_by_role("heading", name="Confirm your address")).to_be_visible()
    expect(page.locator("#by-mail-who")).to_have_text(f"You are signed in as {ADA}.")
    expect(page.get_by_label("Your password, if the address is a new one")).to_be_visible()
    judge(page)
    page.get_by_role("button", name="Confirm", exact=True).click()
    told(page, "Thank you.")
    visit(page, "Account")
    expect(page.locator("#address")).to_contain_text("✓ confirmed")


def a_person_says_how_to_be_called(tab):
    page = tab.page
    expect(page.locator("#display-name")).to_have_value("ada")
    page.locator("#display-name").fill("Ada Lovelace")
    page.locator("#title").fill("Countess")
    page.locator("#profile").get_by_role("button", name="Save").click()
    told(page, "Saved.")
    picture(page, "account")
    judge(page)
    visit(page, "Organization")
    expect(page.locator("#members > li")).to_have_text(["Ada Lovelace ada@new.testowner · you"])


def a_person_chooses_by_which_channels_to_be_told(tab):
    page = tab.page
    visit(page, "Account")
    by_mail = page.get_by_role("checkbox", name="A file is ready: Mail")
    expect(by_mail).not_to_be_checked()
    by_mail.focus()
    page.keyboard.press("Space")
    told(page, "Saved.")
    page.reload()
    expect(by_mail).to_be_checked()
    expect(page.get_by_role("checkbox", name="A file could not be processed: Mail")).to_be_checked()
    expect(page.get_by_role("checkbox", name="A file is ready: In the application")).to_be_checked()
    page.locator("#preferences").scroll_into_view_if_needed()
    picture(page, "preferences")
    judge(page)


def what_is_not_read_comes_by_mail_whose_link_stops_it(tab):
    page = tab.page
    visit(page, "Work")
    page.get_by_label("Choose files").set_input_files([samples.upload("plans.txt", b"one two")])
    expect(page.locator("#unread")).to_have_text("1")
    page.goto(MAILS.link(ADA, "Your file is ready", r"https?://\S+/notifications/stop\?\S+"))
    expect(page.locator("main li")).to_have_text(["A file is ready"])
    picture(page, "stop-mails")
    judge(page)
    page.get_by_role("button", name="Stop these mails").click()
    expect(page.get_by_role("heading", name="Stopped")).to_be_visible()
    page.get_by_role("link", name="Account").click()
    expect(page.get_by_role("checkbox", name="A file is ready: Mail")).not_to_be_checked()
    expect(page.get_by_role("checkbox", name="A file could not be processed: Mail")).to_be_checked()
    visit(page, "Organization")


def an_owner_invites_somebody_who_has_no_account(tab):
    page = tab.page
    page.locator("#invite-email").fill(GRACE)
    page.get_by_role("button", name="Invite", exact=True).click()
    told(page, f"A mail to {GRACE}")
    expect(page.locator("#invitations > li")).to_contain_text([GRACE])
    picture(page, "organization")
    judge(page)
    guest = kept["guest"] = Tab(page.context.browser, ADDRESS, viewport=DESKTOP)
    guest.page.goto(MAILS.link(GRACE, "Engines"))
    expect(guest.page.get_by_role("heading", name="You are invited")).to_be_visible()
    with guest.refusals(422):
        guest.page.get_by_role("button", name="Accept").click()
        expect(guest.page.locator("#new-password")).to_be_visible()
    judge(guest.page)
    guest.page.locator("#new-password").fill(FIRST)
    guest.page.get_by_role("button", name="Accept").click()
    expect(guest.page.locator("#who")).to_have_text(GRACE)
    expect(guest.page.locator("#organization")).to_have_text("Engines")


def a_member_sees_the_people_and_changes_nothing(tab):
    page = kept["guest"].page
    visit(page, "Organization")
    expect(page.locator("#members > li")).to_have_count(2)
    for hidden in ("#invite", "#rename", "#api-keys", "#members select"):
        expect(page.locator(hidden)).to_be_hidden()
    judge(page)


def an_owner_makes_a_member_an_admin_who_may_then_invite(tab):
    page, guest = tab.page, kept["guest"].page
    visit(page, "Account")
    visit(page, "Organization")
    expect(page.locator("#invitations > li")).to_have_count(0)
    page.get_by_label(f"Role of {GRACE}").select_option("admin")
    guest.reload()
    expect(guest.locator("#invite")).to_be_visible()
    guest.locator("#invite-email").fill("kay@new.test")
    guest.get_by_role("button", name="Invite", exact=True).click()
    expect(guest.locator("#invitations > li")).to_contain_text(["kay@new.test"])
    guest.get_by_role("button", name="Take back the invitation of kay@new.test").click()
    expect(guest.locator("#no-invitations")).to_be_visible()


def a_role_above_ones_own_is_refused_and_the_choice_goes_back(tab):
    guest = kept["guest"]
    with guest.refusals(403):
        guest.page.get_by_label(f"Role of {ADA}").select_option("member")
        expect(guest.page.get_by_role("alert")).to_be_visible()
    expect(guest.page.get_by_label(f"Role of {ADA}")).to_have_value("owner")


def a_key_is_shown_once_works_and_stops_working_when_it_is_revoked(tab):
    page = tab.page
    page.locator("#key-name").fill("Reports")
    page.get_by_label("members.read").check()
    page.get_by_role("button", name="Make the key").click()
    key = page.locator("#new-key code").inner_text()
    expect(page.locator("#keys > li")).to_contain_text(["Reports"])
    picture(page, "api-key")
    judge(page)
    ask = lambda: page.context.request.get("/v1/users", headers={"Authorization": f"Bearer {key}"}).status
    assert ask() == 200
    visit(page, "Account")
    visit(page, "Organization")
    expect(page.locator("#keys > li")).to_have_count(1)
    expect(page.locator("#new-key")).to_be_hidden()
    page.get_by_role("button", name="Revoke Reports").click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    expect(page.locator("#no-keys")).to_be_visible()
    assert ask() == 401


def a_second_factor_is_set_up_with_its_code(tab):
    page = tab.page
    visit(page, "Account")
    page.get_by_role("button", name="Set up").click()
    secret = page.locator("#factor-secret code").inner_text().replace(" ", "")
    page.locator("#totp-code").fill("000000")
    with tab.refusals(422):
        page.get_by_role("button", name="Confirm", exact=True).click()
        expect(page.get_by_role("alert")).to_be_visible()
    page.locator("#totp-code").fill(code(secret))
    page.get_by_role("button", name="Confirm", exact=True).click()
    expect(page.locator("#factor")).to_contain_text("On")
    expect(page.locator("#recovery-codes code")).not_to_have_count(0)
    kept["recovery"] = page.locator("#recovery-codes code").first.inner_text()
    picture(page, "second-factor")
    judge(page)


def who_lacks_the_second_factor_that_is_required_is_told_so_and_sets_it_up(tab):
    page, guest = tab.page, kept["guest"].page
    guest.goto("about:blank")
    visit(page, "Organization")
    page.get_by_label("Everybody needs a second factor to work here").check()
    page.locator("#rename").get_by_role("button", name="Save").click()
    told(page, "Saved.")
    guest.goto(ADDRESS)
    expect(guest.locator("#factor-required-here")).to_have_text("Engines requires a second factor: set one up to work here.")
    for hidden in ("#work-view", "#to-work", "#profile", "#devices", "#leave"):
        expect(guest.locator(hidden)).to_be_hidden()
    picture(guest, "second-factor-required")
    judge(guest)
    guest.get_by_role("button", name="Set up").click()
    secret = guest.locator("#factor-secret code").inner_text().replace(" ", "")
    guest.locator("#totp-code").fill(code(secret))
    guest.get_by_role("button", name="Confirm", exact=True).click()
    expect(guest.locator("#recovery-codes code")).not_to_have_count(0)
    judge(guest)
    guest.get_by_role("button", name="Continue").click()
    expect(guest.locator("#work-view")).to_be_visible()
    page.get_by_label("Everybody needs a second factor to work here").uncheck()
    page.locator("#rename").get_by_role("button", name="Save").click()
    told(page, "Saved.")


def sign_in_asks_for_it_and_takes_a_recovery_code(tab):
    page = tab.page
    sign_out(page)
    with tab.refusals(401):
        sign_in(page, ADA, FIRST)
        expect(page.locator("#code")).to_be_focused()
    judge(page)
    page.locator("#code").fill(kept["recovery"])
    page.get_by_role("button", name="Continue").click()
    expect(page.locator("#who")).to_have_text(ADA)
    visit(page, "Account")
    page.locator("#totp-remove").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(page.locator("#factor")).to_contain_text("Off")


def who_signs_in_by_a_link_types_the_password_before_changing_it(tab):
    page = tab.page
    sign_out(page)
    page.locator("#email").fill(ADA)
    page.get_by_role("button", name="Mail me a link").click()
    told(page, "a mail is on its way")
    follow(page, ADA, "link to sign in")
    page.locator("#by-mail-act").click()
    expect(page.locator("#who")).to_have_text(ADA)
    visit(page, "Account")
    page.locator("#other-password").fill(SECOND)
    with tab.refusals(403):
        page.locator("#change-password").get_by_role("button", name="Change").click()
        dialog = page.get_by_role("dialog", name="Your password, please")
        expect(dialog).to_be_visible()
        judge(page)
        picture(page, "password-please")
        page.keyboard.press("Escape")
        expect(dialog).to_be_hidden()
        page.locator("#change-password").get_by_role("button", name="Change").click()
        prove(page, FIRST)
    told(page, "Your password is changed")


def other_devices_are_seen_and_signed_out(tab):
    page = tab.page
    other = Tab(page.context.browser, ADDRESS, viewport=DESKTOP)
    other.open()
    sign_in(other.page, ADA, SECOND)
    expect(other.page.locator("#who")).to_have_text(ADA)
    page.reload()
    expect(page.locator("#devices > li")).to_have_count(2)
    page.get_by_role("button", name="Sign out all others").click()
    expect(page.locator("#devices > li")).to_have_text(["Chrome on Linux 127.0.0.1 · this one"])
    with other.refusals(401):
        other.page.get_by_role("link", name="Account", exact=True).click()
        expect(other.page.locator("#sign-in-problem")).to_contain_text("Your session has ended")
    other.close()


def a_forgotten_password_is_chosen_anew(tab):
    page = tab.page
    sign_out(page)
    page.locator("#email").fill(ADA)
    page.get_by_role("button", name="Forgot the password?").click()
    told(page, "a mail is on its way")
    follow(page, ADA, "Reset your password")
    page.locator("#new-password").fill(THIRD)
    page.get_by_role("button", name="Save", exact=True).click()
    told(page, "Your password is changed")
    sign_in(page, ADA, THIRD)
    expect(page.locator("#who")).to_have_text(ADA)


def who_is_removed_is_signed_out(tab):
    page, guest = tab.page, kept["guest"]
    visit(page, "Organization")
    with guest.refusals(401):
        page.get_by_role("button", name=f"Remove {GRACE}").click()
        page.get_by_role("dialog").get_by_role("button", name="Remove").click()
        expect(page.locator("#members > li")).to_have_count(1)
        expect(guest.page.locator("#sign-in-problem")).to_contain_text("Your session has ended", timeout=30_000)
        guest.page.goto("about:blank")
    guest.close()


def an_organization_is_renamed(tab):
    page = tab.page
    page.locator("#organization-name").fill("Analytical Engines")
    page.locator("#rename").get_by_role("button", name="Save").click()
    told(page, "Saved.")
    expect(page.locator("#organization")).to_have_text("Analytical Engines")


def an_owner_closes_the_organization_and_reopens_it(tab):
    page = tab.page
    page.get_by_role("button", name="Close the organization").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Close Analytical Engines?")
    dialog.get_by_role("button", name="Close", exact=True).click()
    expect(page.get_by_role("heading", name="Analytical Engines is closed")).to_be_visible()
    expect(page.locator("#organization-view, #to-work")).to_have_count(2)
    expect(page.locator("#organization-view")).to_be_hidden()
    expect(page.locator("#to-work")).to_be_hidden()
    picture(page, "closed")
    judge(page)
    page.reload()
    page.get_by_role("button", name="Reopen it").click()
    expect(page.locator("#organization-view")).to_be_visible()
    visit(page, "Account")
    visit(page, "Organization")
    expect(page.locator("#members > li")).to_have_count(1)


def who_works_in_a_suspended_organization_is_told_so(tab):
    page = tab.page
    page.goto("about:blank")
    console = Tab(page.context.browser, ADDRESS, viewport=DESKTOP)
    console.open("/console/sign-in")
    console.page.get_by_label("Password").fill("tenfold-demo")
    console.page.get_by_label("Password").press("Enter")
    console.page.get_by_role("link", name="People", exact=True).click()
    console.page.get_by_role("searchbox").fill("Analytical")
    console.page.get_by_role("button", name="Find").click()
    console.page.get_by_role("link", name="Analytical Engines").click()
    picture(console.page, "console-organization")
    console.page.get_by_role("button", name="Suspend").click()
    expect(console.page.get_by_role("button", name="Release")).to_be_visible()
    page.goto(ADDRESS)
    expect(page.get_by_role("heading", name="Analytical Engines is suspended")).to_be_visible()
    expect(page.locator("#closed-text")).to_contain_text("Ask help@app.test what to do.")
    for hidden in ("#reopen", "#work-view", "#to-work"):
        expect(page.locator(hidden)).to_be_hidden()
    picture(page, "suspended")
    judge(page)
    console.page.get_by_role("button", name="Release").click()
    expect(console.page.get_by_role("button", name="Suspend")).to_be_visible()
    console.close()
    page.reload()
    expect(page.locator("#to-organization")).to_be_visible()


def the_views_are_reached_by_keyboard_and_by_their_address(tab):
    page = tab.page
    page.goto(f"{ADDRESS}/#account")
    page.reload()
    expect(page.locator("#account-view")).to_be_visible()
    page.locator("#to-organization").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#organization-view")).to_be_visible()
    page.go_back()
    expect(page.locator("#account-view")).to_be_visible()


def on_a_phone_nothing_is_wider_than_the_screen(tab):
    phone = Tab(tab.page.context.browser, ADDRESS, viewport=PHONE, device_scale_factor=2,
        storage_state=tab.context.storage_state())
    for view in ("organization", "account"):
        phone.page.goto(f"{ADDRESS}/#{view}")
        phone.page.reload()
        expect(phone.page.locator(f"#{view}-view")).to_be_visible()
        expect(phone.page.locator("#members > li, #devices > li").first).to_be_attached()
        assert phone.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        picture(phone.page, f"phone-{view}")
        judge(phone.page)
    phone.close()


if __name__ == "__main__":
    walk(sys.modules[__name__], ADDRESS, PICTURES)
    MAILS.close()
