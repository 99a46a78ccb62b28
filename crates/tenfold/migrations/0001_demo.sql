-- Which module has filled which organization with its demo data, so that it does so once, and a module that is added later
-- still does.

CREATE TABLE tenfold_demo (
    org_id uuid NOT NULL,
    module text NOT NULL,
    filled_at timestamptz NOT NULL,
    PRIMARY KEY (org_id, module)
);
