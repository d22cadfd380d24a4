-- +goose Up

-- What the provider of single sign-on says about a member's role: 'granted', or 'lost' if that ended the membership.
-- Empty if the role was given here.
ALTER TABLE members ADD COLUMN provider_role text NOT NULL DEFAULT '' CHECK (provider_role IN ('', 'granted', 'lost'));
