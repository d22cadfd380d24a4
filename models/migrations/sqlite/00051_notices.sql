-- +goose Up

-- What to show once on the next page of each workspace, as JSON by the ID of the workspace. It replaces the column
-- notice, which earlier versions still write.
ALTER TABLE sessions ADD COLUMN notices text NOT NULL DEFAULT '{}';
