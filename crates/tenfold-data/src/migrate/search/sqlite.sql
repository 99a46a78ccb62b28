-- The same line in a later migration, with other columns, replaces the index.
DROP TRIGGER IF EXISTS {table}_search_insert;
DROP TRIGGER IF EXISTS {table}_search_update;
DROP TRIGGER IF EXISTS {table}_search_delete;
DROP TABLE IF EXISTS {table}_search;
DROP TABLE IF EXISTS {table}_search_rows;
CREATE TABLE {table}_search_rows ( {mark}
    place INTEGER PRIMARY KEY, owner BLOB NOT NULL, id BLOB NOT NULL, UNIQUE (owner, id)
) STRICT;
CREATE VIRTUAL TABLE {table}_search USING fts5(words, content='', contentless_delete=1, tokenize='ascii');
INSERT INTO {table}_search_rows (owner, id) SELECT org_id, id FROM {table};
INSERT INTO {table}_search (rowid, words)
    SELECT r.place, tenfold_words({table}.org_id, {old_texts}) FROM {table}
    JOIN {table}_search_rows AS r ON r.owner = {table}.org_id AND r.id = {table}.id;
CREATE TRIGGER {table}_search_insert AFTER INSERT ON {table} BEGIN
    INSERT INTO {table}_search_rows (owner, id) VALUES (new.org_id, new.id);
    INSERT INTO {table}_search (rowid, words)
        SELECT place, tenfold_words(new.org_id, {new_texts}) FROM {table}_search_rows WHERE owner = new.org_id AND id = new.id;
END;
CREATE TRIGGER {table}_search_update AFTER UPDATE OF org_id, id, {texts} ON {table} BEGIN
    UPDATE {table}_search_rows SET owner = new.org_id, id = new.id WHERE owner = old.org_id AND id = old.id;
    UPDATE {table}_search SET words = tenfold_words(new.org_id, {new_texts})
        WHERE rowid = (SELECT place FROM {table}_search_rows WHERE owner = new.org_id AND id = new.id);
END;
CREATE TRIGGER {table}_search_delete AFTER DELETE ON {table} BEGIN
    DELETE FROM {table}_search WHERE rowid = (SELECT place FROM {table}_search_rows WHERE owner = old.org_id AND id = old.id);
    DELETE FROM {table}_search_rows WHERE owner = old.org_id AND id = old.id;
END;
