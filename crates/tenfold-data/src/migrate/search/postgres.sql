DO $tenfold$
DECLARE
    -- Letters of all scripts have a case. Without ICU it depends on the locale of the database.
    folding text := CASE WHEN to_regcollation('pg_catalog."und-x-icu"') IS NULL THEN '"default"' ELSE '"und-x-icu"' END;
BEGIN
    EXECUTE format($format$
        CREATE OR REPLACE FUNCTION tenfold_fold(text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $text$
            SELECT translate(lower(regexp_replace(normalize($1, NFKD),
                '[{marks}]', '', 'g') COLLATE %1$s), U&'\03C2', U&'\03C3')
        $text$;
        -- Where one text ends and the next begins, the organization's own word stands, so that no phrase reaches over.
        CREATE OR REPLACE FUNCTION tenfold_words(organization uuid, VARIADIC texts text[]) RETURNS tsvector
        LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $text$
            SELECT to_tsvector('pg_catalog.simple', string_agg(salt || ' ' || regexp_replace(
                regexp_replace(tenfold_fold(left(coalesce(text, ''), 50000)) COLLATE %1$s, '[^[:alnum:]\u3007]+', ' ', 'g'),
                '(\S{1,64})\S*', salt || '\1', 'g'), ' ' ORDER BY place))
            FROM unnest(texts) WITH ORDINALITY AS given (text, place),
                 (SELECT 'o' || replace($1::text, '-', '')) AS salted (salt)
        $text$;
    $format$, folding);
END
$tenfold$;
-- Writers wait until the index is there: a row that is written meanwhile would be missing in it for ever.
LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE;
-- The same line in a later migration, with other columns, replaces the index.
DROP TRIGGER IF EXISTS {table}_search ON {table};
DROP FUNCTION IF EXISTS {table}_search_keep(), {table}_search_found(uuid, text);
DROP TABLE IF EXISTS {table}_search;
CREATE TABLE {table}_search (owner uuid NOT NULL, id uuid NOT NULL, words tsvector NOT NULL, PRIMARY KEY (id, owner));
COMMENT ON TABLE {table}_search IS '{mark}';
INSERT INTO {table}_search SELECT org_id, id, tenfold_words(org_id, VARIADIC ARRAY[{texts}]::text[]) FROM {table};
CREATE INDEX {table}_search_words ON {table}_search USING gin (words);
CREATE FUNCTION {table}_search_keep() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $tenfold$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        DELETE FROM {table}_search WHERE id = OLD.id AND owner = OLD.org_id;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO {table}_search VALUES (NEW.org_id, NEW.id, tenfold_words(NEW.org_id, VARIADIC ARRAY[{new_texts}]::text[]));
    END IF;
    RETURN NULL;
END
$tenfold$;
CREATE TRIGGER {table}_search AFTER INSERT OR DELETE OR UPDATE OF org_id, id, {texts} ON {table}
    FOR EACH ROW EXECUTE FUNCTION {table}_search_keep();
-- The policies of {table}, as a condition: row-level security keeps @@ from using an index. For so few rows the planner
-- looks up each key; for more it reads all rows of the organization.
CREATE FUNCTION {table}_search_found(organization uuid, wanted text) RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER ROWS 10 AS $tenfold$
    SELECT id FROM {table}_search
    WHERE words @@ to_tsquery('pg_catalog.simple', tenfold_fold(wanted)) AND owner = organization
          AND (current_setting('tenfold.reach', true) = 'system'
               OR organization = nullif(current_setting('tenfold.org', true), '')::uuid)
$tenfold$;
DO $tenfold$
BEGIN
    EXECUTE format('ALTER FUNCTION {table}_search_keep() SET search_path = %I, pg_temp', current_schema());
    EXECUTE format('ALTER FUNCTION {table}_search_found(uuid, text) SET search_path = %I, pg_temp', current_schema());
END
$tenfold$;
-- They run as the owner of the index. The role that runs is granted the second one, see rls.rs.
REVOKE ALL ON FUNCTION {table}_search_keep(), {table}_search_found(uuid, text) FROM PUBLIC;
