-- How often in a row a worker was lost over the job, with no step of it done in between.
ALTER TABLE tenfold_jobs ADD COLUMN strikes bigint NOT NULL DEFAULT 0;

-- Suspects, of which a process runs one at a time.
CREATE INDEX tenfold_jobs_suspects ON tenfold_jobs (priority, run_at, id) WHERE token IS NULL AND strikes >= 2;
