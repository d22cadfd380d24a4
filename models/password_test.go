package models_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/skipup/keys/models"
	"github.com/skipup/keys/models/modelstest"
)

// The rules for passwords don't depend on the database, so one is enough.

func TestAcceptedPasswords(t *testing.T) {
	s := modelstest.NewSQLite(t)
	for i, password := range []string{
		"correct horse battery staple",
		"fifteen letters", // exactly 15
		"no rules of composition here",
		"nodigitsnocapitalsnothing",
		"THE SHIFT KEY WAS STUCK",
		"8405 1726 3391 5520",
		"  spaces at both ends  ",
		"tab\tand line\nbreak are characters",
		"Zwölf Boxkämpfer jagen",
		"пароль из пяти слов подряд",
		"馬 電池 定番 正しい 鉄道 山 川",
		"🔑🐎🔋📎🌵🍩🚲🎈🦊🐙🌊🪐⛵🎷🧭",
		strings.Repeat("é", 7) + "o\u0301ǹ and so on",
		"'; DROP TABLE users; --",
		"nul \x00 is a character",
		variedText(models.MaxPassword),
		variedText(models.MaxPassword-1) + "é",
		variedText(models.MaxPassword-1) + "e\u0301", // one character, composed
	} {
		email := fmt.Sprintf("u%d@elsewhere.test", i)
		_, _, err := s.CreateWorkspace(t.Context(), models.NewWorkspace{Name: "Acme", AdminEmail: email, AdminName: "Ada", Password: password})
		if err != nil {
			t.Errorf("password %q is rejected: %v", password, err)
			continue
		}
		if _, err := s.SignIn(t.Context(), "", models.Credentials{Email: email, Password: password}); err != nil {
			t.Errorf("sign in with %q: %v", password, err)
		}
	}
}

// variedText returns a text of n characters without repetition.
func variedText(n int) string {
	text := ""
	for i := 0; len(text) < n; i++ {
		text += fmt.Sprint(i, " ")
	}
	return text[:n]
}

func TestRejectedPasswords(t *testing.T) {
	s := modelstest.NewSQLite(t)
	tests := []struct{ name, password, complaint string }{
		{"none", "", "is required"},
		{"14 characters", "fourteen chars", "at least 15 characters (you have 14)"},
		{"14 characters in 28 bytes", "пароль изслов!", "(you have 14)"},
		{"15 code points, 14 characters", "fourteen cha\u0301rs", "(you have 14)"},
		{"one ligature of 18 letters", "\ufdfa", "(you have 1)"},
		{"257 characters", variedText(257), "256 characters or fewer (you have 257)"},
		{"60 KB", strings.Repeat(variedText(256), 240), "256 characters or fewer"},
		{"invalid UTF-8", "fifteen letters\xff", "valid UTF-8"},
		{"common", "1q2w3e4r5t6y7u8i", "too common"},
		{"common in capitals", "1Q2W3E4R5T6Y7U8I", "too common"},
		{"common in mixed case", "QwertyUiopAsdfgh", "too common"},
		{"common in full-width letters", "１ｑ２ｗ３ｅ４ｒ５ｔ６ｙ７ｕ８ｉ", "too common"},
		{"one letter", strings.Repeat("a", 20), "too common"},
		{"two letters", strings.Repeat("xo", 12), "too common"},
		{"a word again and again", "tomatotomatotomato", "too common"},
		{"a word twice in other case", "strawberryStrawberry", "too common"},
		{"a character of four bytes", strings.Repeat("🔑", 16), "too common"},
		{"own address", "grace@hopper-lab.test", "too common"},
		{"own address in capitals", "GRACE@HOPPER-LAB.TEST", "too common"},
		{"own name", "Grace Brewster Hopper", "too common"},
		{"own name and a year", "gracehopper2026", "too common"},
		{"own name in full-width letters", "ｇｒａｃｅｈｏｐｐｅｒ２０２６", "too common"},
		{"own workspace", "Nimbus Freight 1", "too common"},
		{"the product", "skipup-password", "too common"},
		{"all together", "grace.hopper@nimbus", "too common"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			wantUnchanged(t, s, func() {
				_, _, err := s.CreateWorkspace(t.Context(), models.NewWorkspace{
					Name: "Nimbus Freight", AdminEmail: "grace@hopper-lab.test", AdminName: "Grace Brewster Hopper", Password: tt.password,
				})
				wantFields(t, err, "password")
				fields, refused := models.FieldsOf(err)
				if !refused {
					return
				}
				if !strings.Contains(fields["password"], tt.complaint) {
					t.Errorf("the complaint is %q, want %q in it", fields["password"], tt.complaint)
				}
				if tt.password != "" && strings.Contains(err.Error(), tt.password) {
					t.Errorf("error repeats the password: %v", err)
				}
			})
		})
	}
}

func TestPasswordsAreNormalized(t *testing.T) {
	s := modelstest.NewSQLite(t)
	composed, decomposed := "r\u00e9sum\u00e9 na\u00efve caf\u00e9 \ufb01n", "re\u0301sume\u0301 nai\u0308ve cafe\u0301 fin"
	n := models.NewWorkspace{Name: "Acme", AdminEmail: "ada@acme.test", AdminName: "Ada", Password: composed}
	if _, _, err := s.CreateWorkspace(t.Context(), n); err != nil {
		t.Fatal(err)
	}
	for _, password := range []string{composed, decomposed} {
		if _, err := s.SignIn(t.Context(), "", models.Credentials{Email: "ada@acme.test", Password: password}); err != nil {
			t.Errorf("sign in with %+q: %v", password, err)
		}
	}
	_, err := s.SignIn(t.Context(), "", models.Credentials{Email: "ada@acme.test", Password: strings.ToUpper(composed)})
	wantKind(t, err, models.Invalid)
}
