package email

import (
	"time"

	"github.com/a-h/templ"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/views/ui"
)

// PasswordReset has a link with which a person chooses a new password.
type PasswordReset struct {
	Name      string // may be empty
	Link      string
	ExpiresAt time.Time
}

// Subject returns the subject line.
func (r PasswordReset) Subject() string { return r.letter().subject }

// Text returns the plain-text version.
func (r PasswordReset) Text() string { return r.letter().text() }

// HTML returns the HTML version.
func (r PasswordReset) HTML() templ.Component { return r.letter().html() }

func (r PasswordReset) letter() letter {
	return letter{
		subject: "Reset your SkipUp Keys password", name: r.Name,
		purpose: "Someone asked to reset the password of your account. If it was you, choose a new password:",
		action:  "Reset password", link: r.Link, limits: limitsOf(r.ExpiresAt),
		advice: "If it wasn’t you, ignore this email. Your password stays the same.",
	}
}

// CredentialChanged is a notice to a person about a change to how they sign in.
type CredentialChanged struct {
	Kind models.AccountEmailKind
	Name string // may be empty
	At   time.Time
	Link string // to reset the password
}

// Subject returns the subject line.
func (c CredentialChanged) Subject() string { return c.letter().subject }

// Text returns the plain-text version.
func (c CredentialChanged) Text() string { return c.letter().text() }

// HTML returns the HTML version.
func (c CredentialChanged) HTML() templ.Component { return c.letter().html() }

func (c CredentialChanged) letter() letter {
	change := credentialChanges[c.Kind]
	return letter{
		subject: change.subject, name: c.Name,
		purpose: change.event + " on " + formatTime(c.At) + "." + change.effect + " If it wasn’t you, reset your password now and tell an admin of your workspace:",
		action:  "Reset password", link: c.Link,
		advice: "If it was you, you don’t need to do anything.",
	}
}

// credentialChanges are the changes that CredentialChanged is about. The effect begins with a space or is
// empty.
var credentialChanges = map[models.AccountEmailKind]struct{ subject, event, effect string }{
	models.PasswordChangedEmail: {"Your SkipUp Keys password was changed", "The password of your account was changed", ""},
	models.SecondFactorAddedEmail: {
		"A second factor was set up for your SkipUp Keys account", "An authenticator app was set up for your account", " You now need a code from it to sign in.",
	},
	models.SecondFactorRemovedEmail: {
		"The second factor of your SkipUp Keys account was removed", "The second factor of your account was removed", " You now sign in with your password only.",
	},
	models.AppRemovedEmail: {
		"The authenticator app of your SkipUp Keys account was removed", "The authenticator app of your account was removed", " You can still sign in with your passkeys.",
	},
	models.PasskeyAddedEmail: {
		"A passkey was added to your SkipUp Keys account", "A passkey was added to your account", " It can sign in without your password.",
	},
	models.PasskeyRemovedEmail: {
		"A passkey was removed from your SkipUp Keys account", "A passkey was removed from your account", " It no longer works.",
	},
	models.SingleSignOnResetEmail: {
		"Single sign-on of your SkipUp Keys account was reset", "Your account was unlinked from your sign-in provider", " It is linked again when you next sign in there with your verified email.",
	},
	models.RecoveryCodesEmail: {
		"New recovery codes for your SkipUp Keys account", "New recovery codes were created for your account", " The previous ones no longer work.",
	},
	models.RecoveryCodeUsedEmail: {
		"A recovery code was used for your SkipUp Keys account", "A recovery code of your account was used", " It no longer works.",
	},
}

// NewDevice is a notice to a person about a sign-in from a browser that wasn't known.
type NewDevice struct {
	Name               string // may be empty
	Address, UserAgent string
	At                 time.Time
	Link               string // to reset the password
}

// Subject returns the subject line.
func (d NewDevice) Subject() string { return d.letter().subject }

// Text returns the plain-text version.
func (d NewDevice) Text() string { return d.letter().text() }

// HTML returns the HTML version.
func (d NewDevice) HTML() templ.Component { return d.letter().html() }

func (d NewDevice) letter() letter {
	return letter{
		subject: "New sign-in to your SkipUp Keys account", name: d.Name,
		purpose: "Someone signed in to your account from a new browser on " + formatTime(d.At) + ": " + ui.Device(d.UserAgent) + ", IP address " + d.Address +
			". If it wasn’t you, reset your password now and tell an admin of your workspace:",
		action: "Reset password", link: d.Link,
		advice: "If it was you, you don’t need to do anything.",
	}
}

// Confirmation has a link with which a person confirms their new email.
type Confirmation struct {
	Link      string
	ExpiresAt time.Time
}

// Subject returns the subject line.
func (c Confirmation) Subject() string { return c.letter().subject }

// Text returns the plain-text version.
func (c Confirmation) Text() string { return c.letter().text() }

// HTML returns the HTML version.
func (c Confirmation) HTML() templ.Component { return c.letter().html() }

func (c Confirmation) letter() letter {
	return letter{
		subject: "Confirm your email for SkipUp Keys",
		purpose: "Confirm that you want to use this email for your SkipUp Keys account:",
		action:  "Confirm email", link: c.Link, limits: limitsOf(c.ExpiresAt),
		advice: "If you didn’t ask for this, ignore this email.",
	}
}

// EmailChanged is a notice to the old email of an account.
type EmailChanged struct {
	Name  string // may be empty
	Email string // the new one
	At    time.Time
}

// Subject returns the subject line.
func (c EmailChanged) Subject() string { return c.letter().subject }

// Text returns the plain-text version.
func (c EmailChanged) Text() string { return c.letter().text() }

// HTML returns the HTML version.
func (c EmailChanged) HTML() templ.Component { return c.letter().html() }

func (c EmailChanged) letter() letter {
	return letter{
		subject: "The email of your SkipUp Keys account was changed", name: c.Name,
		purpose: "The email of your account was changed to " + c.Email + " on " + formatTime(c.At) + ". Sign in with the new email from now on.",
		advice:  "If it wasn’t you, tell an admin of your workspace at once. They can end your sessions and deactivate the account.",
	}
}
