-- A job that was discarded or cancelled can be tried again, with its bounds and with what its steps have given.
ALTER TABLE tenfold_job_history ADD COLUMN priority bigint NOT NULL DEFAULT 0;
ALTER TABLE tenfold_job_history ADD COLUMN max_attempts bigint NOT NULL DEFAULT 10;

CREATE INDEX tenfold_job_history_by_state ON tenfold_job_history (state, finished_at, id);

-- The few among many that wait for their time, for whoever looks at them.
CREATE INDEX tenfold_jobs_later ON tenfold_jobs (state, id) WHERE state IN ('retryable', 'scheduled');

-- Steps outlive a job that is given up: tried again, it goes on behind the last one, and effects happen once.
CREATE TABLE tenfold_job_results (
    id uuid PRIMARY KEY,
    job_id uuid NOT NULL,
    name text NOT NULL,
    result jsonb NOT NULL,
    UNIQUE (job_id, name)
);

INSERT INTO tenfold_job_results (id, job_id, name, result) SELECT id, job_id, name, result FROM tenfold_job_steps;

DROP TABLE tenfold_job_steps;
