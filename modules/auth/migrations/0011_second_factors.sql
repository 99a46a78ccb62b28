-- Second factors: the secret that an authenticator application shares with us (RFC 6238). It must be read again, so it is kept
-- as it is; without the password it opens nothing.
CREATE TABLE auth_second_factors (
    account_id uuid PRIMARY KEY REFERENCES auth_accounts (id) ON DELETE CASCADE,
    secret bytea NOT NULL,
    -- When the person showed that the application has the secret; until then sign-in does not ask.
    confirmed_at timestamptz,
    -- The last period whose code was used: a code works once.
    last_period bigint NOT NULL,
    created_at timestamptz NOT NULL
);

-- Codes for a person who has lost the application, each kept as its SHA-256, and deleted when it is used.
CREATE TABLE auth_recovery_codes (
    account_id uuid NOT NULL REFERENCES auth_accounts (id) ON DELETE CASCADE,
    code_hash bytea NOT NULL,
    PRIMARY KEY (account_id, code_hash)
);

-- Sign-ins that wait for the second factor.
CREATE TABLE auth_challenges (
    secret_hash bytea PRIMARY KEY,
    account_id uuid NOT NULL REFERENCES auth_accounts (id) ON DELETE CASCADE,
    membership_id uuid NOT NULL REFERENCES auth_memberships (id) ON DELETE CASCADE,
    -- When the password was typed; null if the first factor was another.
    password_at timestamptz,
    expires_at timestamptz NOT NULL
);

CREATE INDEX auth_challenges_of_account ON auth_challenges (account_id);
CREATE INDEX auth_challenges_of_membership ON auth_challenges (membership_id);
CREATE INDEX auth_challenges_by_end ON auth_challenges (expires_at);
