-- tenfold: concurrently
CREATE INDEX auth_users_by_role ON auth_users (org_id, role, id);
