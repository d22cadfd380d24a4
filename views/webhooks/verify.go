package webhooks

// snippet is how to check a signature in a language, with the public library of Standard Webhooks.
type snippet struct{ ID, Label, Install, Code string }

var snippets = []snippet{
	{"go", "Go", "go get github.com/standard-webhooks/standard-webhooks/libraries", `import standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

func receive(w http.ResponseWriter, r *http.Request) {
	hook, err := standardwebhooks.NewWebhook(os.Getenv("SKIPUP_WEBHOOK_SECRET"))
	if err != nil {
		http.Error(w, "no secret", http.StatusInternalServerError)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	if err != nil || hook.Verify(body, r.Header) != nil {
		http.Error(w, "bad signature", http.StatusUnauthorized)
		return
	}
	w.WriteHeader(http.StatusNoContent) // answer at once, work later
}`},
	{"node", "Node", "npm install standardwebhooks express", `import express from 'express'
import { Webhook } from 'standardwebhooks'

const hook = new Webhook(process.env.SKIPUP_WEBHOOK_SECRET)

// The signature is over the bytes of the body: do not parse it before.
express().post('/webhooks', express.raw({ type: 'application/json' }), (request, response) => {
  try {
    const event = hook.verify(request.body.toString(), request.headers)
    response.sendStatus(204) // answer at once, work later
  } catch {
    response.sendStatus(401)
  }
}).listen(3000)`},
	{"python", "Python", "pip install standardwebhooks flask", `import os
from flask import Flask, request
from standardwebhooks import Webhook, WebhookVerificationError

app = Flask(__name__)
hook = Webhook(os.environ["SKIPUP_WEBHOOK_SECRET"])

@app.post("/webhooks")
def receive():
    try:
        event = hook.verify(request.get_data(), dict(request.headers))
    except WebhookVerificationError:
        return "", 401
    return "", 204  # answer at once, work later`},
}
