-- When a schedule got another text, and which one it had; when a queue was paused or resumed last. Null: not since they are kept.
ALTER TABLE tenfold_job_schedules ADD COLUMN spec_before text;
ALTER TABLE tenfold_job_schedules ADD COLUMN changed_at timestamptz;
CREATE INDEX tenfold_job_schedules_changed ON tenfold_job_schedules (changed_at);
ALTER TABLE tenfold_job_queues ADD COLUMN changed_at timestamptz;
CREATE INDEX tenfold_job_queues_changed ON tenfold_job_queues (changed_at);
