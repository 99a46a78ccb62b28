"""A mail server for one test: it takes every mail and keeps it."""

import email
import email.policy
import re
import time

from aiosmtpd.controller import Controller


class Mails:
    """What has arrived so far."""

    def __init__(self, port):
        self.arrived = []
        self.controller = Controller(self, hostname="127.0.0.1", port=port)
        self.controller.start()

    async def handle_DATA(self, server, session, envelope):
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        self.arrived.append((envelope.rcpt_tos[0], mail["subject"], mail.get_body(("plain",)).get_content()))
        return "250 OK"

    def link(self, recipient, subject, pattern=r"https?://\S+#\S+", patience=30):
        """The link of this form in the newest mail with such a subject, which is taken out."""
        end = time.monotonic() + patience
        while time.monotonic() < end:
            for mail in reversed(self.arrived):
                if mail[0] == recipient and subject in mail[1]:
                    self.arrived.remove(mail)
                    return re.search(pattern, mail[2]).group()
            time.sleep(0.05)
        raise AssertionError(f"no mail {subject!r} for {recipient}: {[mail[:2] for mail in self.arrived]}")

    def close(self):
        self.controller.stop()
