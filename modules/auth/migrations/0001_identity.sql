-- People, organizations and what connects them. A table of a tenant begins its keys with the organization, so
-- that its rows lie together.

CREATE TABLE auth_accounts (
    id uuid PRIMARY KEY,
    email text NOT NULL UNIQUE,
    password_hash text NOT NULL,
    created_at timestamptz NOT NULL
);

CREATE TABLE auth_organizations (
    id uuid PRIMARY KEY,
    name text NOT NULL,
    created_at timestamptz NOT NULL
);

-- Which organizations an account may sign in to; global, since sign-in comes before any organization is known.
CREATE TABLE auth_memberships (
    id uuid PRIMARY KEY,
    account_id uuid NOT NULL REFERENCES auth_accounts (id) ON DELETE CASCADE,
    org_id uuid NOT NULL REFERENCES auth_organizations (id) ON DELETE CASCADE,
    user_id uuid NOT NULL,
    last_used_at timestamptz NOT NULL,
    UNIQUE (account_id, org_id)
);

CREATE TABLE auth_users (
    org_id uuid NOT NULL REFERENCES auth_organizations (id) ON DELETE CASCADE,
    id uuid NOT NULL,
    account_id uuid NOT NULL,
    email text NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (org_id, id),
    UNIQUE (org_id, account_id)
);

-- Serves the list of users in its order.
CREATE UNIQUE INDEX auth_users_by_email ON auth_users (org_id, email, id);

CREATE TABLE auth_profiles (
    org_id uuid NOT NULL,
    user_id uuid NOT NULL,
    display_name text NOT NULL,
    title text,
    PRIMARY KEY (org_id, user_id),
    FOREIGN KEY (org_id, user_id) REFERENCES auth_users (org_id, id) ON DELETE CASCADE
);

CREATE TABLE auth_settings (
    org_id uuid NOT NULL,
    user_id uuid NOT NULL,
    theme text NOT NULL,
    locale text NOT NULL,
    PRIMARY KEY (org_id, user_id),
    FOREIGN KEY (org_id, user_id) REFERENCES auth_users (org_id, id) ON DELETE CASCADE
);

CREATE TABLE auth_permissions (
    org_id uuid NOT NULL,
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    name text NOT NULL,
    PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, user_id) REFERENCES auth_users (org_id, id) ON DELETE CASCADE
);

CREATE UNIQUE INDEX auth_permissions_of_user ON auth_permissions (org_id, user_id, name);

-- The secret is kept as its SHA-256: who reads the table cannot sign in with it.
CREATE TABLE auth_sessions (
    org_id uuid NOT NULL,
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    account_id uuid NOT NULL,
    secret_hash bytea NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, user_id) REFERENCES auth_users (org_id, id) ON DELETE CASCADE
);

CREATE INDEX auth_sessions_of_user ON auth_sessions (org_id, user_id);

-- The key that signs tokens; made at the first start, shared by all processes of the application.
CREATE TABLE auth_token_keys (
    id bigint PRIMARY KEY,
    secret bytea NOT NULL,
    created_at timestamptz NOT NULL
);
