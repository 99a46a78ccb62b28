-- By which channels a person wants to be told of a kind of notification. A channel that is null follows the kind's default. What was
-- chosen for a kind that no module declares any more stays, and is not shown.
CREATE TABLE notifications_choices (
    org_id uuid NOT NULL,
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    kind text NOT NULL,
    in_app boolean,
    mail boolean,
    PRIMARY KEY (org_id, id)
);

CREATE UNIQUE INDEX notifications_choices_of_user ON notifications_choices (org_id, user_id, kind);

-- What is to be mailed: deleted when it was, or when it need not be. The id is that of the notification, if the application shows it.
-- job_id is the job that mails it.
CREATE TABLE notifications_mails (
    org_id uuid NOT NULL,
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    kind text NOT NULL,
    title text NOT NULL,
    body text NOT NULL,
    job_id uuid,
    PRIMARY KEY (org_id, id)
);

CREATE INDEX notifications_mails_of_user ON notifications_mails (org_id, user_id, job_id);
CREATE INDEX notifications_mails_of_job ON notifications_mails (org_id, job_id, id);

-- The key of the links in mails that stop mails of a kind.
CREATE TABLE notifications_keys (
    id bigint PRIMARY KEY,
    secret bytea NOT NULL,
    created_at timestamptz NOT NULL
);
