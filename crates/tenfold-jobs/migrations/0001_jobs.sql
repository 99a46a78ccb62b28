-- The jobs that are not finished: small and hot. A finished one moves to the history.
CREATE TABLE tenfold_jobs (
    id uuid PRIMARY KEY,
    org_id uuid,
    kind text NOT NULL,
    state text NOT NULL,
    priority bigint NOT NULL,
    args jsonb NOT NULL,
    run_at timestamptz NOT NULL,
    attempt bigint NOT NULL,
    max_attempts bigint NOT NULL,
    crashes bigint NOT NULL,
    -- Who works on it, until when, and the token that guards what he writes. All null while nobody does.
    worker uuid,
    token uuid,
    lease_until timestamptz,
    cancel_requested boolean NOT NULL,
    percent bigint NOT NULL,
    message text NOT NULL,
    errors jsonb NOT NULL,
    trace text NOT NULL,
    created_at timestamptz NOT NULL
);

CREATE INDEX tenfold_jobs_due ON tenfold_jobs (priority, run_at, id) WHERE token IS NULL;
CREATE INDEX tenfold_jobs_leased ON tenfold_jobs (lease_until) WHERE token IS NOT NULL;

CREATE TABLE tenfold_job_history (
    id uuid PRIMARY KEY,
    org_id uuid,
    kind text NOT NULL,
    state text NOT NULL,
    args jsonb NOT NULL,
    attempt bigint NOT NULL,
    crashes bigint NOT NULL,
    percent bigint NOT NULL,
    message text NOT NULL,
    errors jsonb NOT NULL,
    trace text NOT NULL,
    created_at timestamptz NOT NULL,
    finished_at timestamptz NOT NULL
);

CREATE INDEX tenfold_job_history_by_time ON tenfold_job_history (finished_at, id);

-- What steps have given, so that a restarted job goes on behind the last one. Gone with the job.
CREATE TABLE tenfold_job_steps (
    id uuid PRIMARY KEY,
    job_id uuid NOT NULL REFERENCES tenfold_jobs (id) ON DELETE CASCADE,
    name text NOT NULL,
    result jsonb NOT NULL,
    UNIQUE (job_id, name)
);
