-- Whose turn it is: the waiting jobs of one organization are a lane, and claims go from lane to lane. Jobs of no
-- organization share one. Its default is written differently in the two databases.
ALTER TABLE tenfold_jobs ADD COLUMN lane BLOB NOT NULL DEFAULT X'00000000000000000000000000000000';

UPDATE tenfold_jobs SET lane = org_id WHERE org_id IS NOT NULL;

DROP INDEX tenfold_jobs_due;
DROP INDEX tenfold_jobs_suspects;
CREATE INDEX tenfold_jobs_waiting ON tenfold_jobs (queue, lane, priority, run_at, id)
    WHERE state = 'available' AND strikes < 2;
CREATE INDEX tenfold_jobs_suspects ON tenfold_jobs (queue, priority, run_at, id)
    WHERE state = 'available' AND strikes >= 2;
