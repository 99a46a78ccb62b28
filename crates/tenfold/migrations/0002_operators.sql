-- The people who run the application, in its console. They are no accounts of the application. The secret of the authenticator application
-- must be read again, so it is kept as it is.
CREATE TABLE tenfold_operators (
    name text PRIMARY KEY,
    role text NOT NULL,
    password_hash text NOT NULL,
    totp_secret bytea NOT NULL,
    -- The last period whose code was used: a code works once.
    last_period bigint NOT NULL,
    -- Signs the cookies of the operator, who is signed out everywhere when it is renewed.
    cookie_key bytea NOT NULL,
    -- How many wrong codes there were in a row, and until when none is tried.
    wrong_codes bigint NOT NULL,
    blocked_until timestamptz,
    created_at timestamptz NOT NULL
);

-- What operators did.
CREATE TABLE tenfold_operator_acts (
    id uuid PRIMARY KEY,
    operator text NOT NULL,
    act text NOT NULL,
    about text NOT NULL,
    at timestamptz NOT NULL
);
