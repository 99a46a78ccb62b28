CREATE TABLE people_users (
    org_id uuid NOT NULL,
    id uuid NOT NULL,
    email text NOT NULL,
    name text NOT NULL,
    PRIMARY KEY (org_id, id)
);
CREATE INDEX people_users_by_email ON people_users (org_id, email, id);
CREATE TABLE people_profiles (
    org_id uuid NOT NULL,
    user_id uuid NOT NULL,
    city text NOT NULL,
    PRIMARY KEY (org_id, user_id)
);
CREATE TABLE people_settings (
    org_id uuid NOT NULL,
    user_id uuid NOT NULL,
    theme text NOT NULL,
    PRIMARY KEY (org_id, user_id)
);
CREATE TABLE people_permissions (
    org_id uuid NOT NULL,
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    name text NOT NULL,
    PRIMARY KEY (org_id, id)
);
CREATE INDEX people_permissions_by_user ON people_permissions (org_id, user_id, id);
CREATE TABLE people_notes (
    org_id uuid NOT NULL,
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    text text NOT NULL,
    PRIMARY KEY (org_id, id)
);
