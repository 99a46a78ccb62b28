-- Who is asked to join an organization. The secret of the link is kept as its SHA-256, once its mail was made.
CREATE TABLE auth_invitations (
    org_id uuid NOT NULL REFERENCES auth_organizations (id) ON DELETE CASCADE,
    id uuid NOT NULL,
    email text NOT NULL,
    role text NOT NULL,
    invited_by uuid NOT NULL,
    secret_hash bytea,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (org_id, id),
    UNIQUE (org_id, email)
);

CREATE INDEX auth_invitations_by_secret ON auth_invitations (org_id, secret_hash, id);
CREATE INDEX auth_invitations_by_end ON auth_invitations (expires_at);
CREATE INDEX auth_invitations_of_user ON auth_invitations (org_id, invited_by);
