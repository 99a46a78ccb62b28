-- tenfold: concurrently
CREATE INDEX auth_sessions_by_end ON auth_sessions (expires_at);
