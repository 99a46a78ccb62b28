-- What commits tell other processes. It differs from SQLite's, since transactions here do not commit in the order of any
-- number: a process remembers which were open when it last looked. decisions/0052.

-- One row for each transaction that changed something that is told, written in it.
CREATE TABLE tenfold_changes (
    xid xid8 NOT NULL DEFAULT pg_current_xact_id() PRIMARY KEY,
    origin uuid NOT NULL,
    changes text NOT NULL
);

-- The transactions below this one have no rows any more.
CREATE TABLE tenfold_changes_floor (id bigint PRIMARY KEY, floor xid8 NOT NULL);
INSERT INTO tenfold_changes_floor (id, floor) VALUES (1, '0');

-- The processes that read them, and how far each has read when it was last asked.
CREATE TABLE tenfold_processes (id uuid PRIMARY KEY, beat bigint NOT NULL, passed text NOT NULL);
