package webhooks

// snippet is sample code that verifies signatures with the Standard Webhooks library.
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
	w.WriteHeader(http.StatusNoContent) // respond now, process the event later
}`},
	{"node", "Node", "npm install standardwebhooks", `import { createServer } from 'node:http'
import { Webhook } from 'standardwebhooks'

const hook = new Webhook(process.env.SKIPUP_WEBHOOK_SECRET)

createServer(async (request, response) => {
  try {
    let body = ''
    for await (const part of request.setEncoding('utf8')) body += part
    const event = hook.verify(body, request.headers)
    response.writeHead(204).end() // respond now, process the event later
  } catch {
    response.writeHead(401).end()
  }
}).listen(3000)`},
	{"python", "Python", "pip install standardwebhooks flask", `import os
from flask import Flask, request
from standardwebhooks import Webhook

app = Flask(__name__)
hook = Webhook(os.environ["SKIPUP_WEBHOOK_SECRET"])

@app.post("/webhooks")
def receive():
    try:
        event = hook.verify(request.get_data(), dict(request.headers))
    except Exception:  # headers may be malformed
        return "", 401
    return "", 204  # respond now, process the event later`},
}
