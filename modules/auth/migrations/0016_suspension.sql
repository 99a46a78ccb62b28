-- Whom operators have suspended, and since when. A user's is that of the account: API keys are read with the user.
ALTER TABLE auth_accounts ADD COLUMN suspended_at timestamptz;
ALTER TABLE auth_users ADD COLUMN suspended_at timestamptz;
ALTER TABLE auth_organizations ADD COLUMN suspended_at timestamptz;
