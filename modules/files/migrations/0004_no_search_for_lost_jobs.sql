-- Served the search for files whose jobs were given up by a version that told nobody.
DROP INDEX files_files_processing;
