-- An organization that its owners have closed: since when, when its owners are reminded, when it is erased, and since when that goes
-- on, so that it cannot be reopened.
ALTER TABLE auth_organizations ADD COLUMN closed_at timestamptz;
ALTER TABLE auth_organizations ADD COLUMN remind_at timestamptz;
ALTER TABLE auth_organizations ADD COLUMN erase_at timestamptz;
ALTER TABLE auth_organizations ADD COLUMN erasing_at timestamptz;
