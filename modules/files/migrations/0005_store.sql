-- Which folder of files belongs to this database: the same id is in a file of that folder. There is one row, made by the first
-- process that serves or works.
CREATE TABLE files_store (
    id bigint PRIMARY KEY,
    store uuid NOT NULL
);
