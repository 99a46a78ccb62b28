-- A domain with a dot at its end is the same domain: since this version addresses are kept without. Where the account
-- without it is there already, or several differ by dots alone, the others stay as they are, and nobody reaches them.
UPDATE auth_accounts SET email = rtrim(email, '.')
WHERE email LIKE '%.' AND NOT EXISTS (
    SELECT 1 FROM auth_accounts other
    WHERE other.id <> auth_accounts.id AND rtrim(other.email, '.') = rtrim(auth_accounts.email, '.')
        AND (other.email NOT LIKE '%.' OR other.id < auth_accounts.id)
);
