-- Room that uploads under way have taken of an organization's quota, each until its lease ends. Both this and files_usage
-- are changed under the lock of the organization's row in files_usage.
-- tenfold: no entity, because each statement on it is an author's, and begins with the organization's lock.
CREATE TABLE files_reservations (
    org_id uuid NOT NULL,
    id uuid NOT NULL,
    bytes bigint NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (org_id, id)
);

-- Serves the sum of those that an organization has under way.
CREATE INDEX files_reservations_alive ON files_reservations (org_id, expires_at);

-- Serves the sweep of those whose uploads are gone.
CREATE INDEX files_reservations_by_time ON files_reservations (expires_at);

-- It served the search for files whose job was given up, which their jobs tell of now.
DROP INDEX files_files_by_status;
