-- +goose Up

-- The trace context of the request that caused an event (W3C Trace Context), if it was traced.
ALTER TABLE events ADD COLUMN trace_parent text;
