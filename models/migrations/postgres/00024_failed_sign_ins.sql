-- +goose Up

-- Failed sign-ins to an account from a network within an hour. They are no audit events, which can't be
-- deleted, because anyone can cause them. Those to unknown accounts have an empty user and network.
CREATE TABLE failed_sign_ins (
    id          text COLLATE "C" PRIMARY KEY,
    user_id     text COLLATE "C" NOT NULL,
    network     text COLLATE "C" NOT NULL,
    starts_at   timestamptz NOT NULL,
    attempts    bigint NOT NULL,
    last_at     timestamptz NOT NULL,
    address     text NOT NULL,
    user_agent  text NOT NULL,
    UNIQUE (user_id, network, starts_at)
);
