// Package notifications renders the notifications of a person, and words them for emails too.
package notifications

import (
	"strings"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/views/path"
	"github.com/skipup/keys/views/ui"
)

// ofKeys are the sentences about API keys: what happened to one key, and to several.
var ofKeys = map[models.NotificationKind]struct{ one, several string }{
	models.KeyCreatedNotice:     {" was created", " were created"},
	models.KeyWidenedNotice:     {" was given more access", " were given more access"},
	models.KeyDeletedNotice:     {" was deleted", " were deleted"},
	models.KeyFoundLeakedNotice: {" was found in a leak scan", " were found in a leak scan"},
	models.KeyRejectedNotice:    {" was deleted, but something still uses it", " were deleted, but something still uses them"},
	models.KeyNewCallerNotice:   {" was used from new IP addresses", " were used from new IP addresses"},
}

// ofAccount are the sentences about a person's own account.
var ofAccount = map[models.AccountEmailKind]string{
	models.PasswordChangedEmail:     "Your password was changed",
	models.EmailChangedEmail:        "Your email was changed",
	models.SecondFactorAddedEmail:   "A second factor was set up for your account",
	models.SecondFactorRemovedEmail: "The second factor of your account was removed",
	models.SingleSignOnResetEmail:   "Your account was unlinked from your sign-in provider",
	models.RecoveryCodesEmail:       "New recovery codes were created for your account",
	models.RecoveryCodeUsedEmail:    "A recovery code of your account was used",
	models.AppRemovedEmail:          "The authenticator app of your account was removed",
	models.PasskeyAddedEmail:        "A passkey was added to your account",
	models.PasskeyRemovedEmail:      "A passkey of your account was removed",
	models.NewDeviceEmail:           "You signed in from a new browser",
}

// Keys returns what happened to a number of keys, such as "12 API keys were created".
func Keys(kind models.NotificationKind, n int) string {
	return ui.Plural(int64(n), "API key") + Happened(kind, n)
}

// Happened returns what follows the name of a key, or the number of keys, in a sentence.
func Happened(kind models.NotificationKind, n int) string {
	if n == 1 {
		return ofKeys[kind].one
	}
	return ofKeys[kind].several
}

// HappenedToKey returns what follows the name of the key that a notification is about. It names the IP addresses of
// new callers.
func HappenedToKey(n models.Notification) string {
	named := strings.Fields(n.Networks)
	switch more := n.NetworkCount - len(named); {
	case len(named) == 0:
		return Happened(n.Kind, 1)
	case n.NetworkCount == 1:
		return " was used from a new IP address: " + named[0]
	case more > 0:
		named = append(named, "and "+ui.Count(int64(more))+" more")
	}
	return " was used from " + ui.Count(int64(n.NetworkCount)) + " new IP addresses: " + strings.Join(named, ", ")
}

// By returns what follows in a sentence about keys to say who did it, or "" if that isn't known.
func By(n models.Notification) string {
	switch {
	case n.Kind == models.KeyRejectedNotice, n.Kind == models.KeyNewCallerNotice, n.ActorName == "":
		return ""
	case n.ActorType == models.ActorAPIKey:
		return " by API key " + ui.Isolate(n.ActorName)
	}
	return " by " + ui.Isolate(n.ActorName)
}

// account returns the sentence about a person's own account, or "" for a notification about keys.
func account(n models.Notification) string { return ofAccount[models.AccountEmailKind(n.Kind)] }

// iconOf returns the name of an icon, with its tone.
func iconOf(n models.Notification) (name, tone string) {
	switch n.Kind {
	case models.KeyFoundLeakedNotice, models.KeyRejectedNotice, models.KeyNewCallerNotice:
		return "triangle-alert", "text-warning"
	case models.KeyCreatedNotice, models.KeyWidenedNotice, models.KeyDeletedNotice:
		return "key-round", "text-muted-foreground"
	}
	return "circle-user-round", "text-muted-foreground"
}

// pageOf returns the page that a notification links to.
func pageOf(in path.Workspace, n models.Notification) string {
	switch {
	case n.Kind == models.KeyNewCallerNotice && n.APIKeyID != "":
		return in.APIKeyUsage(n.APIKeyID) + "#by-caller"
	case n.APIKeyID != "":
		return in.APIKey(n.APIKeyID)
	case n.Keys > 0:
		return in.AuditLog()
	}
	return path.Account
}

// Email is an email that a person can turn off.
type Email struct {
	Kind        models.NotificationKind
	Label, Help string
}

// Emails are the emails that a person can turn off, in the order of models.MutableEmails.
var Emails = []Email{
	{models.KeyCreatedNotice, "Keys created", "Someone, or another key, created an API key."},
	{models.KeyWidenedNotice, "More access", "A key got more scopes, a later expiry, a higher rate limit, or more IP addresses, or the workspace’s policy gave it more access."},
	{models.KeyDeletedNotice, "Keys deleted", "An API key was deleted."},
	{models.KeyFoundLeakedNotice, "Leaked keys", "A leak scan found an API key."},
	{models.KeyRejectedNotice, "Deleted keys in use", "Something still uses a deleted key. At most once a day for each key."},
	{models.KeyNewCallerNotice, "New callers", "An IP address used a key for the first time. Only for keys that notify about new callers, at most once an hour for each."},
	{models.KeyExpiringNotice, "Keys about to expire", "14 days, 7 days, and 1 day before a key expires."},
}
