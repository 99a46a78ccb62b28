-- What was tried in vain, by what it counts against: an account, an account from an address that it has signed in from, an
-- address. Times are microseconds, so that both databases reckon with them alike. Subjects of accounts are hashes, since
-- what is tried need be nobody's address.
CREATE TABLE auth_attempts (
    subject text PRIMARY KEY,
    last_at bigint NOT NULL,
    -- When the last failure is forgiven, and with it all: how many count is how far this lies ahead.
    forgiven_at bigint NOT NULL,
    kept_until bigint NOT NULL
);

-- Serves the clean-up.
CREATE INDEX auth_attempts_by_end ON auth_attempts (kept_until);
