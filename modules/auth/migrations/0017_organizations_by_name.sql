-- tenfold: concurrently
CREATE INDEX auth_organizations_by_name ON auth_organizations (name, id);
