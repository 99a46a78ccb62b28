-- tenfold: concurrently
CREATE INDEX auth_memberships_of_organization ON auth_memberships (org_id, id);
