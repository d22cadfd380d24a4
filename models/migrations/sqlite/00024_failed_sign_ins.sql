-- +goose Up

-- Failed sign-ins to an account from a network within an hour. They are no audit events, which can't be
-- deleted, because anyone can cause them. Those to unknown accounts have an empty user and network.
CREATE TABLE failed_sign_ins (
    id          text PRIMARY KEY,
    user_id     text NOT NULL,
    network     text NOT NULL,
    starts_at   timestamp NOT NULL,
    attempts    integer NOT NULL,
    last_at     timestamp NOT NULL,
    address     text NOT NULL,
    user_agent  text NOT NULL,
    UNIQUE (user_id, network, starts_at)
);
