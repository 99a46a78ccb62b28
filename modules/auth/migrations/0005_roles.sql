-- A role is a set of permissions that the modules declare; auth_permissions keeps what a user may do besides. Users that
-- are there keep what they have by name, and those who have all of it are owners.

ALTER TABLE auth_users ADD COLUMN role text NOT NULL DEFAULT 'custom';

UPDATE auth_users SET role = 'owner' WHERE (
    SELECT count(*) FROM auth_permissions p WHERE p.org_id = auth_users.org_id AND p.user_id = auth_users.id
) >= 7;
