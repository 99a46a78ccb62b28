-- What commits tell other processes. It differs from PostgreSQL's, since transactions here commit in the order of their
-- numbers. decisions/0052.

-- One row for each transaction that changed something that is told, written in it. The numbers have no gaps: the newest
-- row is always kept.
CREATE TABLE tenfold_changes (id INTEGER NOT NULL PRIMARY KEY, origin BLOB NOT NULL, changes TEXT NOT NULL) STRICT;

-- The processes that read them, and how far each has read when it was last asked.
CREATE TABLE tenfold_processes (
    id BLOB NOT NULL PRIMARY KEY, beat INTEGER NOT NULL, passed TEXT NOT NULL
) STRICT, WITHOUT ROWID;
