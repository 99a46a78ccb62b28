-- tenfold: concurrently
CREATE INDEX auth_sessions_of_account ON auth_sessions (account_id, id);
