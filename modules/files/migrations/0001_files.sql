-- Uploaded files. Their bytes lie in the blob store under the organization's and the file's id; a blob without a
-- row is swept. People belong to the auth module: their ids are kept without a foreign key.

CREATE TABLE files_files (
    org_id uuid NOT NULL,
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    job_id uuid NOT NULL,
    name text NOT NULL,
    status text NOT NULL,
    size bigint NOT NULL,
    sha256 text NOT NULL,
    content_type text,
    facts jsonb NOT NULL,
    has_thumbnail boolean NOT NULL,
    problem text,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (org_id, id)
);

-- Serves the search for files whose job was given up.
CREATE INDEX files_files_by_status ON files_files (status, id);

-- How many bytes the files of an organization have in sum, changed with them in one transaction: so the quota holds
-- also for uploads that end at the same moment, and asking costs the same for any number of files.
CREATE TABLE files_usage (
    org_id uuid NOT NULL,
    bytes bigint NOT NULL,
    PRIMARY KEY (org_id)
);
