package token

import (
	"crypto/rand"
	"encoding/base64"
)

const (
	webhookSecretPrefix = "whsec_"
	webhookSecretSize   = 32 // bytes (Standard Webhooks: between 24 and 64)
)

// NewWebhookSecret creates a secret to sign the deliveries to a webhook endpoint with, in the format of
// Standard Webhooks: a prefix and base64.
func NewWebhookSecret() Secret {
	random := make([]byte, webhookSecretSize)
	_, _ = rand.Read(random) // never fails; crypto/rand crashes the program instead
	return SecretOf(webhookSecretPrefix + base64.StdEncoding.EncodeToString(random))
}

// SecretOf wraps text in a Secret.
func SecretOf(text string) Secret { return Secret{&text} }
