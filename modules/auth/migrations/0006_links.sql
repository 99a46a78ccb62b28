-- When it was last shown that mails to the address reach somebody, and that this is the person who has the account: anybody can
-- sign up with any address. Accounts that are older have shown neither.
ALTER TABLE auth_accounts ADD COLUMN reached_at timestamptz;
ALTER TABLE auth_accounts ADD COLUMN confirmed_at timestamptz;

-- The device of a session, when it was used last, and when its person last typed the password.
ALTER TABLE auth_sessions ADD COLUMN user_agent text NOT NULL DEFAULT '';
ALTER TABLE auth_sessions ADD COLUMN address text NOT NULL DEFAULT '';
ALTER TABLE auth_sessions ADD COLUMN last_seen_at timestamptz;
ALTER TABLE auth_sessions ADD COLUMN password_at timestamptz;

-- Links in mails. The secret is kept as its SHA-256; a link is deleted when it is used.
CREATE TABLE auth_links (
    secret_hash bytea PRIMARY KEY,
    purpose text NOT NULL,
    account_id uuid NOT NULL REFERENCES auth_accounts (id) ON DELETE CASCADE,
    -- The address that the link is about.
    email text NOT NULL,
    expires_at timestamptz NOT NULL
);

CREATE INDEX auth_links_of_account ON auth_links (account_id);
CREATE INDEX auth_links_by_end ON auth_links (expires_at);

-- A change of address waits until both addresses have agreed.
CREATE TABLE auth_address_changes (
    account_id uuid PRIMARY KEY REFERENCES auth_accounts (id) ON DELETE CASCADE,
    email text NOT NULL,
    old_agreed_at timestamptz,
    new_agreed_at timestamptz,
    new_confirmed_at timestamptz,
    requested_at timestamptz NOT NULL
);

CREATE INDEX auth_address_changes_by_time ON auth_address_changes (requested_at);
