-- How often in a row the job had to wait for something outside, with no step of it done in between; such attempts do not
-- count, and the pauses grow with this number.
ALTER TABLE tenfold_jobs ADD COLUMN waits bigint NOT NULL DEFAULT 0;
