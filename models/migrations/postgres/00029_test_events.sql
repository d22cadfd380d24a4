-- +goose Up

-- Whether an event is an example that was sent on request, with invented data.
ALTER TABLE events ADD COLUMN test boolean NOT NULL DEFAULT false;
