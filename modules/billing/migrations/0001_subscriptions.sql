-- What organizations pay for. One without a row has the plan `free`, whose bounds are in the configuration.

CREATE TABLE billing_subscriptions (
    org_id uuid NOT NULL,
    plan text NOT NULL,
    storage_bytes bigint NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (org_id)
);
