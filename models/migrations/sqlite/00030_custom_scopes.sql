-- +goose Up

-- What the scopes of operators give access to.
CREATE TABLE scope_resources (
    name      text PRIMARY KEY,
    label     text NOT NULL,
    position  integer NOT NULL -- on pages
);

-- The scopes of operators. Keys store their numbers. A scope that was removed is kept while a row of
-- api_keys has its number, which is not used again until then.
CREATE TABLE custom_scopes (
    number    integer PRIMARY KEY CHECK (number BETWEEN 10 AND 127),
    name      text NOT NULL UNIQUE,
    resource  text NOT NULL,
    label     text NOT NULL,
    help      text NOT NULL,
    warning   text NOT NULL,
    status    text NOT NULL CHECK (status IN ('active', 'retired', 'removed')),
    position  integer NOT NULL -- within the resource
);

-- A single row that each change to these tables updates. A node reads them again when change_id differs
-- from the one that it knows.
CREATE TABLE scope_catalog (
    id            integer PRIMARY KEY CHECK (id = 1),
    change_id     text NOT NULL,
    hide_builtin  boolean NOT NULL -- whether forms offer only custom scopes
);
INSERT INTO scope_catalog (id, change_id, hide_builtin) VALUES (1, '', false);
