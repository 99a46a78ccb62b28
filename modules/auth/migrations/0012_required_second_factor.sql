-- Whether people need a second factor to work in the organization.
ALTER TABLE auth_organizations ADD COLUMN second_factor_required boolean NOT NULL DEFAULT FALSE;
