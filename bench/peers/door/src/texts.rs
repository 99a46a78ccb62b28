//! The statements, which are the reference backend's. They appear in the order of their
//! parameters, by which SQLite numbers them.

/// The session with its user's role and permissions.
pub const AUTHENTICATE: &str = "SELECT s.user_id, s.account_id, s.secret_hash, s.expires_at, u.role, p.name \
    FROM auth_sessions s JOIN auth_users u ON u.org_id = s.org_id AND u.id = s.user_id \
    LEFT JOIN auth_permissions p ON p.org_id = s.org_id AND p.user_id = s.user_id \
    WHERE s.org_id = $1 AND s.id = $2";
pub const MEMBERSHIPS: &str =
    "SELECT org_id FROM auth_memberships WHERE account_id = $1 ORDER BY id LIMIT 101";
pub const USER: &str = "SELECT id, email, role FROM auth_users WHERE org_id = $1 AND id = $2";
pub const USERS: &str =
    "SELECT id, email, role FROM auth_users WHERE org_id = $1 ORDER BY email, id LIMIT $2";
pub const SET_PROFILE: &str = "UPDATE auth_profiles SET display_name = $1 WHERE org_id = $2 AND user_id = $3";
pub const SET_SETTINGS: &str = "UPDATE auth_settings SET theme = $1 WHERE org_id = $2 AND user_id = $3";
pub const KEY: &str = "SELECT secret FROM auth_token_keys WHERE id = 1";

pub const PROFILE: &str = "SELECT display_name, title FROM auth_profiles WHERE org_id = $1 AND user_id = $2";
pub const SETTINGS: &str = "SELECT theme, locale FROM auth_settings WHERE org_id = $1 AND user_id = $2";
pub const PERMISSIONS: &str =
    "SELECT name FROM auth_permissions WHERE org_id = $1 AND user_id = $2 ORDER BY id";

/// The same for a list of users, without the condition that holds the list.
pub const PROFILES: &str =
    "SELECT user_id, display_name, title FROM auth_profiles WHERE org_id = $1 AND user_id";
pub const ALL_SETTINGS: &str =
    "SELECT user_id, theme, locale FROM auth_settings WHERE org_id = $1 AND user_id";
pub const ALL_PERMISSIONS: &str = "SELECT user_id, name FROM auth_permissions WHERE org_id = $1 AND user_id";
pub const ORGANIZATIONS: &str = "SELECT id, name, erase_at FROM auth_organizations WHERE id";

pub const SUBSCRIPTION: &str = "SELECT storage_bytes FROM billing_subscriptions WHERE org_id = $1";
pub const LOCK_USAGE: &str = "INSERT INTO files_usage (org_id, bytes) VALUES ($1, 0) \
    ON CONFLICT (org_id) DO UPDATE SET bytes = files_usage.bytes";
pub const RESERVE: &str = "INSERT INTO files_reservations (org_id, id, bytes, expires_at) VALUES ($1, $2, $3, $4) \
    ON CONFLICT (org_id, id) DO UPDATE SET bytes = excluded.bytes, expires_at = excluded.expires_at";
pub const TAKEN: &str = "SELECT files_usage.bytes + CAST(COALESCE((SELECT SUM(files_reservations.bytes) \
    FROM files_reservations WHERE files_reservations.org_id = $1 AND files_reservations.expires_at > $2), 0) AS bigint) \
    FROM files_usage WHERE files_usage.org_id = $1";
pub const TAKE: &str = "INSERT INTO files_usage (org_id, bytes) VALUES ($1, $2) \
    ON CONFLICT (org_id) DO UPDATE SET bytes = files_usage.bytes + excluded.bytes";
pub const END_RESERVATION: &str =
    "DELETE FROM files_reservations WHERE org_id = $1 AND id = $2 AND expires_at > $3 RETURNING bytes";
pub const INSERT_FILE: &str = "INSERT INTO files_files (org_id, id, user_id, job_id, name, status, size, sha256, \
    facts, has_thumbnail, created_at) VALUES ($1, $2, $3, $4, $5, 'processing', $6, $7, $8, false, $9)";
pub const ENQUEUE: &str = "INSERT INTO tenfold_jobs (id, org_id, kind, state, priority, args, run_at, attempt, \
    max_attempts, crashes, strikes, waits, cancel_requested, percent, message, errors, trace, created_at) \
    VALUES ($1, $2, 'files.process_upload', 'available', 0, $3, $4, 0, 10, 0, 0, 0, false, 0, '', $5, '', $4)";
