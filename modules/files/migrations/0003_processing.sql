-- tenfold: concurrently
-- Serves the search for files that no job processes; as small as the files that are being processed.
CREATE INDEX files_files_processing ON files_files (id) WHERE status = 'processing';
