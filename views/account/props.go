// Package account renders Settings > Account.
package account

import (
	"bytes"
	"encoding/base64"
	"image/png"
	"slices"
	"strings"

	"github.com/pquerna/otp"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/token"
)

// Page is the data of a user's own account.
type Page struct {
	Sessions []models.Session
	Current  []byte        // digest of the session in use
	Errors   models.Fields // of the password form

	SecondFactor models.SecondFactorState
}

// SetupForm holds the values and the errors of the form that sets up an authenticator app.
type SetupForm struct {
	Sealed  string                    `form:"setup"`
	Code    string                    `form:"code"` // never rendered
	Setup   *models.SecondFactorSetup `form:"-"`
	Errors  models.Fields             `form:"-"`
	Message string                    `form:"-"` // an error that concerns no single field

	Replaces   bool     `form:"-"` // the person has an app already
	Workspaces []string `form:"-"` // names of those that wait for a second factor
}

// CodesPage shows recovery codes once.
type CodesPage struct {
	Title string
	Codes []token.Secret
}

// PasskeyForm holds the values and the errors of the form that adds or renames a passkey.
type PasskeyForm struct {
	ID      string        `form:"-"` // empty for a new one
	Name    string        `form:"name"`
	Answer  string        `form:"credential"` // of the browser, which is JSON
	Errors  models.Fields `form:"-"`
	Message string        `form:"-"` // an error that concerns no single field
}

// text returns the codes, one per line.
func (p CodesPage) text() string {
	lines := make([]string, len(p.Codes))
	for i, code := range p.Codes {
		lines[i] = code.Reveal()
	}
	return strings.Join(lines, "\n")
}

// secret returns the secret of a setup in groups of four characters.
func (f SetupForm) secret() string {
	var groups []string
	for chunk := range slices.Chunk([]byte(f.Setup.Secret.Reveal()), 4) {
		groups = append(groups, string(chunk))
	}
	return strings.Join(groups, " ")
}

// qrSize is the width of a QR code in pixels.
const qrSize = 200

// qr returns the QR code of a setup as the URL of an image.
func (f SetupForm) qr() (string, error) {
	key, err := otp.NewKeyFromURL(f.Setup.URL.Reveal())
	if err != nil {
		return "", err
	}
	image, err := key.Image(qrSize, qrSize)
	if err != nil {
		return "", err
	}
	var encoded bytes.Buffer
	if err := png.Encode(&encoded, image); err != nil {
		return "", err
	}
	return "data:image/png;base64," + base64.StdEncoding.EncodeToString(encoded.Bytes()), nil
}

// NameForm holds the values and errors of the form for one's own name.
type NameForm struct {
	Name   string        `form:"name"`
	Errors models.Fields `form:"-"`
}

// EmailForm holds the values and errors of the form for one's own email.
type EmailForm struct {
	Email    string        `form:"email"`
	Password string        `form:"password"` // never rendered
	Errors   models.Fields `form:"-"`
	Message  string        `form:"-"` // an error that concerns no single field
}

// Confirmation is the data of the page that confirms a new email.
type Confirmation struct {
	Token   string // of the link
	UserID  string // of the account
	Email   string // the new one
	Message string // why the attempt to confirm it was rejected, if it was
}
