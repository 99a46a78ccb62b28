-- Sign-ins to the console that were ended before their time, by the chance in their cookie. Every other cookie that is
-- signed and in time is good, so that the console opens while the database is away.
CREATE TABLE tenfold_console_signed_out (
    session bytea PRIMARY KEY,
    ends_at timestamptz NOT NULL
);

CREATE INDEX tenfold_console_signed_out_by_end ON tenfold_console_signed_out (ends_at);
