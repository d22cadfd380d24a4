package token

import (
	"crypto/rand"
	"encoding/base64"
)

const (
	webhookSecretPrefix = "whsec_"
	webhookSecretSize   = 32 // bytes (Standard Webhooks: between 24 and 64)
)

// NewWebhookSecret makes what deliveries to a webhook endpoint are signed with: the prefix and
// base64, as Standard Webhooks writes it.
func NewWebhookSecret() Secret {
	random := make([]byte, webhookSecretSize)
	_, _ = rand.Read(random) // never fails (crypto/rand)
	return SecretOf(webhookSecretPrefix + base64.StdEncoding.EncodeToString(random))
}

// SecretOf is text as a Secret.
func SecretOf(text string) Secret { return Secret{&text} }
