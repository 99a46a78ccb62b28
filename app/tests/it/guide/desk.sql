CREATE TABLE desk_tickets (
    org_id uuid NOT NULL,
    id uuid NOT NULL,
    number bigint NOT NULL,
    title text NOT NULL CONSTRAINT desk_tickets_titled CHECK (title <> ''),
    status text NOT NULL,
    minutes bigint NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (org_id, id),
    UNIQUE (org_id, number)
);
CREATE INDEX desk_tickets_by_status ON desk_tickets (org_id, status, id);
CREATE INDEX desk_tickets_by_lower_title ON desk_tickets (org_id, lower(title), id);

CREATE TABLE desk_messages (
    org_id uuid NOT NULL,
    id uuid NOT NULL,
    ticket_id uuid NOT NULL,
    body text NOT NULL,
    sent_at timestamptz NOT NULL,
    PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, ticket_id) REFERENCES desk_tickets (org_id, id) ON DELETE CASCADE
);
CREATE INDEX desk_messages_of_ticket ON desk_messages (org_id, ticket_id, sent_at, id);

CREATE TABLE desk_tags (
    org_id uuid NOT NULL,
    id uuid NOT NULL,
    name text NOT NULL,
    colour text NOT NULL,
    PRIMARY KEY (org_id, id),
    UNIQUE (org_id, name)
);

CREATE TABLE desk_taggings (
    org_id uuid NOT NULL,
    id uuid NOT NULL,
    ticket_id uuid NOT NULL,
    tag_id uuid NOT NULL,
    PRIMARY KEY (org_id, id),
    UNIQUE (org_id, ticket_id, tag_id)
);

CREATE TABLE desk_offers (
    org_id uuid NOT NULL,
    id uuid NOT NULL,
    ticket_id uuid NOT NULL,
    price_amount bigint NOT NULL,
    price_currency text NOT NULL CONSTRAINT desk_offers_price CHECK (length(price_currency) = 3),
    discount_amount bigint,
    discount_currency text,
    PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, ticket_id) REFERENCES desk_tickets (org_id, id) ON DELETE CASCADE,
    CONSTRAINT desk_offers_discount CHECK ((discount_amount IS NULL) = (discount_currency IS NULL))
);
CREATE INDEX desk_offers_of_ticket ON desk_offers (org_id, ticket_id, price_currency, price_amount, id);

-- tenfold: search desk_messages (body)
