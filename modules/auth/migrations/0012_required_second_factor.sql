-- Whether people need a second factor to work in the organization.
ALTER TABLE auth_organizations ADD COLUMN second_factor_required boolean NOT NULL DEFAULT FALSE;

-- The session of a person who needs a second factor there and has none: it can set one up, and little else.
ALTER TABLE auth_sessions ADD COLUMN is_limited boolean NOT NULL DEFAULT FALSE;
