-- Mails that were not sent, because mail.url is `outbox:`. They are of all organizations, and only operators see them.
CREATE TABLE tenfold_mail_outbox (
    id uuid PRIMARY KEY,
    recipient text NOT NULL,
    sender text NOT NULL,
    subject text NOT NULL,
    text text NOT NULL,
    html text NOT NULL,
    created_at timestamptz NOT NULL
);

-- Addresses that a mail server has refused for good. No mail is sent to them.
CREATE TABLE tenfold_mail_suppressed (
    address text PRIMARY KEY,
    reason text NOT NULL,
    created_at timestamptz NOT NULL
);

CREATE INDEX tenfold_mail_suppressed_by_time ON tenfold_mail_suppressed (created_at);
