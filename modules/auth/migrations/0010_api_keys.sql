-- Keys with which programs work in an organization. The secret is kept as its SHA-256. A key ends with the user who made it.
CREATE TABLE auth_api_keys (
    org_id uuid NOT NULL REFERENCES auth_organizations (id) ON DELETE CASCADE,
    id uuid NOT NULL,
    name text NOT NULL,
    secret_hash bytea NOT NULL,
    permissions jsonb NOT NULL,
    created_by uuid NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz,
    last_used_at timestamptz,
    PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, created_by) REFERENCES auth_users (org_id, id) ON DELETE CASCADE
);

CREATE INDEX auth_api_keys_of_user ON auth_api_keys (org_id, created_by, id);
