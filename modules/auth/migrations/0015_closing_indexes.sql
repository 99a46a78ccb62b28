-- tenfold: concurrently
CREATE INDEX auth_memberships_of_organization ON auth_memberships (org_id, id);
CREATE INDEX auth_organizations_by_reminder ON auth_organizations (remind_at) WHERE remind_at IS NOT NULL;
CREATE INDEX auth_organizations_by_end ON auth_organizations (erase_at) WHERE erase_at IS NOT NULL;
