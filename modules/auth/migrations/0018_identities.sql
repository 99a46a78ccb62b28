-- By which accounts of other providers people sign in. They are looked up by issuer and subject, before any organization is known.
CREATE TABLE auth_identities (
    id uuid PRIMARY KEY,
    account_id uuid NOT NULL REFERENCES auth_accounts (id) ON DELETE CASCADE,
    -- The name of the provider in the settings.
    provider text NOT NULL,
    -- Who vouches for the subject, and whom it means there. An address may pass to somebody else, a subject does not.
    issuer text NOT NULL,
    subject text NOT NULL,
    -- The address that the provider gave, so that people know it again.
    email text NOT NULL,
    created_at timestamptz NOT NULL,
    UNIQUE (issuer, subject)
);

CREATE INDEX auth_identities_of_account ON auth_identities (account_id, id);

-- People who are at a provider, and are expected back. The secret is in their browser's cookie, and kept here as its SHA-256.
CREATE TABLE auth_provider_attempts (
    secret_hash bytea PRIMARY KEY,
    provider text NOT NULL,
    -- The account that the provider is linked to; null for a sign-in.
    account_id uuid REFERENCES auth_accounts (id) ON DELETE CASCADE,
    expires_at timestamptz NOT NULL
);

CREATE INDEX auth_provider_attempts_of_account ON auth_provider_attempts (account_id);
CREATE INDEX auth_provider_attempts_by_end ON auth_provider_attempts (expires_at);
