-- What a job may say of itself: its queue, its tags, the job that waits for it, the order in which it runs.
ALTER TABLE tenfold_jobs ADD COLUMN queue text NOT NULL DEFAULT 'default';
ALTER TABLE tenfold_jobs ADD COLUMN tags jsonb NOT NULL DEFAULT '[]';
-- How many of its steps are done: a job without steps leaves none to delete.
ALTER TABLE tenfold_jobs ADD COLUMN steps bigint NOT NULL DEFAULT 0;
-- The version of the event that it delivers.
ALTER TABLE tenfold_jobs ADD COLUMN version bigint NOT NULL DEFAULT 1;
-- The job that runs when this one, and all others of the batch, have ended.
ALTER TABLE tenfold_jobs ADD COLUMN batch_id uuid;
-- Jobs of one key run one after the other, in the order of these numbers.
ALTER TABLE tenfold_jobs ADD COLUMN order_key text;
ALTER TABLE tenfold_jobs ADD COLUMN order_number bigint NOT NULL DEFAULT 0;
-- Whether it holds a key of tenfold_job_keys until it ends.
ALTER TABLE tenfold_jobs ADD COLUMN holds_key boolean NOT NULL DEFAULT FALSE;
-- The turn that a rate limit has given to it.
ALTER TABLE tenfold_jobs ADD COLUMN turn_at timestamptz;

ALTER TABLE tenfold_job_history ADD COLUMN queue text NOT NULL DEFAULT 'default';
ALTER TABLE tenfold_job_history ADD COLUMN tags jsonb NOT NULL DEFAULT '[]';
ALTER TABLE tenfold_job_history ADD COLUMN steps bigint NOT NULL DEFAULT 0;
ALTER TABLE tenfold_job_history ADD COLUMN version bigint NOT NULL DEFAULT 1;
ALTER TABLE tenfold_job_history ADD COLUMN batch_id uuid;
ALTER TABLE tenfold_job_history ADD COLUMN order_key text;
ALTER TABLE tenfold_job_history ADD COLUMN order_number bigint NOT NULL DEFAULT 0;

-- Jobs that were stored before may have done steps.
UPDATE tenfold_jobs SET steps = 1 WHERE id IN (SELECT job_id FROM tenfold_job_results);

CREATE INDEX tenfold_jobs_batch ON tenfold_jobs (batch_id) WHERE batch_id IS NOT NULL;
CREATE INDEX tenfold_jobs_ordered ON tenfold_jobs (order_key, order_number, id) WHERE order_key IS NOT NULL;
-- Jobs that wait for a batch.
CREATE INDEX tenfold_jobs_blocked ON tenfold_jobs (id) WHERE state = 'waiting' AND order_key IS NULL;
CREATE INDEX tenfold_job_history_batch ON tenfold_job_history (batch_id) WHERE batch_id IS NOT NULL;

-- Those that wait for their time, in its order.
DROP INDEX tenfold_jobs_later;
CREATE INDEX tenfold_jobs_later ON tenfold_jobs (state, run_at, id) WHERE state IN ('retryable', 'scheduled');

-- A key that at most one job has: while it is unfinished (taken_until is null), or until a time.
CREATE TABLE tenfold_job_keys (
    key text PRIMARY KEY,
    job_id uuid NOT NULL,
    taken_until timestamptz
);

CREATE INDEX tenfold_job_keys_of_job ON tenfold_job_keys (job_id);
CREATE INDEX tenfold_job_keys_over ON tenfold_job_keys (taken_until) WHERE taken_until IS NOT NULL;

-- Queues that an operator has paused or resumed; the others are not paused.
CREATE TABLE tenfold_job_queues (
    name text PRIMARY KEY,
    paused boolean NOT NULL
);

-- When each schedule fires next. Whoever moves next_at on enqueues its job.
CREATE TABLE tenfold_job_schedules (
    name text PRIMARY KEY,
    spec text NOT NULL,
    next_at timestamptz NOT NULL,
    last_at timestamptz,
    last_job uuid
);

CREATE INDEX tenfold_job_schedules_next ON tenfold_job_schedules (next_at, name);

-- When the next job of a key may start, by the limit of its rate; microseconds since 1970.
CREATE TABLE tenfold_job_rates (
    key text PRIMARY KEY,
    next_at bigint NOT NULL
);

-- The last number that was given to an event of a key.
CREATE TABLE tenfold_job_orders (
    key text PRIMARY KEY,
    last_number bigint NOT NULL,
    used_at timestamptz NOT NULL
);

CREATE INDEX tenfold_job_orders_unused ON tenfold_job_orders (used_at);
CREATE INDEX tenfold_job_rates_unused ON tenfold_job_rates (next_at);
