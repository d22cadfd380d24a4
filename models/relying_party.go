package models

import (
	"net/url"
	"strings"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"
)

// RelyingParty is a deployment to which passkeys belong. They work only at the host of the public URL at which
// they were created.
type RelyingParty struct{ *webauthn.WebAuthn }

// RelyingPartyOf returns the relying party of the deployment with a public URL, or nil if browsers offer no
// passkeys there: they do over HTTPS or on localhost, if the host has a name (WebAuthn level 3 §13.4.9).
func RelyingPartyOf(publicURL string) *RelyingParty {
	parsed, err := url.Parse(publicURL)
	if err != nil {
		return nil
	}
	host := parsed.Hostname()
	if isLocal := host == "localhost" || strings.HasSuffix(host, ".localhost"); parsed.Scheme != "https" && !isLocal {
		return nil
	}
	party, err := webauthn.New(&webauthn.Config{
		RPID:                  host,
		RPDisplayName:         "SkipUp Keys",
		RPOrigins:             []string{publicURL},
		AttestationPreference: protocol.PreferNoAttestation,
		AuthenticatorSelection: protocol.AuthenticatorSelection{
			ResidentKey:        protocol.ResidentKeyRequirementRequired,
			RequireResidentKey: protocol.ResidentKeyRequired(),
			UserVerification:   protocol.VerificationRequired,
		},
		// Nothing uses extensions, but some password managers report on them unasked.
		ExtensionsUnsolicitedOutputPolicy: protocol.UnsolicitedOutputPolicyIgnore,
	})
	if err != nil {
		return nil // the host is an IP address
	}
	return &RelyingParty{party}
}

var errNoRelyingParty = Errorf(FailedPrecondition, "Passkeys don't work at the address of this server. Its operator must use HTTPS with a domain name, and set SKIPUP_PUBLIC_URL.")
