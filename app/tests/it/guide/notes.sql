CREATE TABLE notes_notes (
    org_id uuid NOT NULL,
    id uuid NOT NULL,
    title text NOT NULL,
    stars bigint NOT NULL,
    words bigint,
    PRIMARY KEY (org_id, id)
);
CREATE INDEX notes_notes_by_stars ON notes_notes (org_id, stars, id);
