-- How many people an organization has invited on its first day.
ALTER TABLE auth_organizations ADD COLUMN first_day_invitations bigint NOT NULL DEFAULT 0;
