-- What people are told. A person belongs to the auth module: its id is kept without a foreign key.

CREATE TABLE notifications_notifications (
    org_id uuid NOT NULL,
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    kind text NOT NULL,
    title text NOT NULL,
    body text NOT NULL,
    link text NOT NULL,
    read_at timestamptz,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (org_id, id)
);

CREATE INDEX notifications_notifications_of_user ON notifications_notifications (org_id, user_id, id);

-- Few are unread, and their number is asked for all the time. The index holds read_at although it is null there:
-- otherwise SQLite would read the rows for it, and rather scan the whole organization's.
CREATE INDEX notifications_notifications_unread ON notifications_notifications (org_id, user_id, read_at)
    WHERE read_at IS NULL;
