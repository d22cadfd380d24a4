package models

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"slices"
	"strings"
)

// auditProof proves the texts of an audit event in a way that survives their erasure. The hash of the event
// covers a commitment to each text instead of the text. Without its salt, a commitment doesn't reveal the
// text, which could otherwise be guessed.
type auditProof struct {
	Salt   []byte            `json:"salt,omitempty"`   // from which the salts of all texts derive; empty once one of them is erased
	Salts  map[string][]byte `json:"salts,omitempty"`  // of the texts that are left
	Erased map[string][]byte `json:"erased,omitempty"` // commitments to the texts that were erased
	// Earlier says that texts of an event of an earlier version were erased, whose hash covers the texts
	// themselves. A later event attests what is left of them; see erasedEarlier.
	Earlier bool `json:"earlier,omitempty"`
}

// newAuditProof returns the proof of a new event.
func newAuditProof() *auditProof {
	salt := make([]byte, sha256.Size)
	_, _ = rand.Read(salt) // never fails
	return &auditProof{Salt: salt}
}

func (p *auditProof) saltOf(name string) []byte {
	if len(p.Salt) > 0 {
		return hmacOf(p.Salt, name)
	}
	return p.Salts[name]
}

// commitment returns the commitment to the text with a name.
func (p *auditProof) commitment(name, text string) []byte {
	if erased, is := p.Erased[name]; is {
		return erased
	}
	return hmacOf(p.saltOf(name), text)
}

func hmacOf(key []byte, text string) []byte {
	hash := hmac.New(sha256.New, key)
	hash.Write([]byte(text))
	return hash.Sum(nil)
}

// erase makes the proof independent of the texts with some names.
func (p *auditProof) erase(texts map[string]*string, names []string) {
	if p.Earlier {
		for _, name := range names {
			p.Erased[name] = nil
		}
		return
	}
	if p.Erased == nil {
		p.Salts, p.Erased = map[string][]byte{}, map[string][]byte{}
		for name := range texts {
			p.Salts[name] = p.saltOf(name)
		}
		p.Salt = nil
	}
	for _, name := range names {
		if _, is := p.Erased[name]; !is {
			p.Erased[name] = p.commitment(name, *texts[name])
			delete(p.Salts, name)
		}
	}
}

// detailPrefix precedes the names of details among the names of texts.
const detailPrefix = "details."

// texts returns the texts of the event that can be erased, by name. Those of details are copies.
func (e *AuditEvent) texts() map[string]*string {
	texts := map[string]*string{"actor_name": &e.ActorName, "target_name": &e.TargetName, "address": &e.Address, "user_agent": &e.UserAgent}
	for name, value := range e.Details {
		texts[detailPrefix+name] = &value
	}
	return texts
}

// replace erases the texts with some names, and puts others in their place.
func (e *AuditEvent) replace(replacements map[string]string) {
	if e.Proof == nil {
		e.Proof = &auditProof{Earlier: true, Erased: map[string][]byte{}}
	}
	texts := e.texts()
	names := make([]string, 0, len(replacements))
	for name := range replacements {
		names = append(names, name)
	}
	e.Proof.erase(texts, names)
	for name, text := range replacements {
		*texts[name] = text
		if detail, is := strings.CutPrefix(name, detailPrefix); is {
			e.Details[detail] = text
		}
	}
}

// isErasedAsRecorded reports whether what stands in place of erased texts is a pseudonym or nothing, so that no
// other text can be put there.
func (e *AuditEvent) isErasedAsRecorded() bool {
	if e.Proof == nil || len(e.Proof.Erased) == 0 {
		return true
	}
	texts := e.texts()
	for name := range e.Proof.Erased {
		if text := texts[name]; text == nil || *text != "" && !isPseudonym(*text) {
			return false
		}
	}
	return len(e.pseudonyms()) > 0
}

// pseudonyms returns the pseudonyms of erased people in the texts of the event.
func (e *AuditEvent) pseudonyms() []string {
	var found []string
	for _, text := range e.texts() {
		if isPseudonym(*text) {
			found = append(found, *text)
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// erasures follows the erasures in a chain while its events are checked in order.
type erasures struct {
	pending  map[string]int64 // the first position of each pseudonym without a record of the erasure so far
	earlier  erasedEarlier
	attested string // by the last record, which covers all events in earlier
}

// add adds an intact event that follows one with the hash previous.
func (e *erasures) add(event *AuditEvent, previous []byte) {
	if event.Action == userErased {
		delete(e.pending, event.TargetName)
		e.attested = event.Details[earlierDetail]
		return
	}
	if event.Proof == nil || !event.Proof.Earlier && len(event.Proof.Erased) == 0 { // nothing was erased
		return
	}
	for _, pseudonym := range event.pseudonyms() {
		if _, known := e.pending[pseudonym]; !known {
			e.pending[pseudonym] = event.Seq
		}
	}
	e.earlier.add(event, previous)
}

// unrecorded returns the first position at which a text was erased without a later event that records it, or 0
// if there is none.
func (e *erasures) unrecorded() int64 {
	first := int64(0)
	for _, seq := range e.pending {
		if first == 0 || seq < first {
			first = seq
		}
	}
	if first == 0 && e.earlier.digest() != e.attested {
		return e.earlier.first
	}
	return first
}
