package models

import (
	"regexp"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
	"golang.org/x/text/unicode/rangetable"
)

// MaxName is the longest name, in characters.
const MaxName = 100

// checkName adds an error unless value can be the name of a person or thing, and returns the name as
// it is stored. A name has no invisible characters, which could make it look like another name or
// reorder the text around it.
func checkName(fields Fields, field, value string) string {
	name := normalName(value)
	checkLine(fields, field, name, MaxName)
	for _, r := range joined.ReplaceAllString(name, "") {
		if unicode.Is(hidden, r) {
			fields.add(field, "must not contain the invisible character %U. Type it instead of pasting it", r)
		}
	}
	return name
}

// normalName returns name in NFC, without spaces around it, and with single spaces in it.
func normalName(name string) string {
	isSpace := func(r rune) bool { return unicode.Is(unicode.Zs, r) }
	return norm.NFC.String(strings.Join(strings.FieldsFunc(name, isSpace), " "))
}

// foldName returns name without what is hard to see or type. Two names that look the same to a
// person are the same.
func foldName(name string) string {
	visible := strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.Is(hidden, r):
			return -1
		}
		return r
	}, name)
	return plainPunctuation.Replace(normalName(visible))
}

// IsHardToType reports whether a person can't easily type name as it is shown: it has characters that
// aren't on every keyboard, or unusual spaces.
func IsHardToType(name string) bool {
	return name != normalName(name) || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r > '~' })
}

// curly are the quotes and dashes that programs put in place of those on the keyboard, plain.
const (
	curly = "‘’‛“”‟‐‑–—−"
	plain = `'''"""-----`
)

var plainPunctuation = func() *strings.Replacer {
	var pairs []string
	for i, r := range []rune(curly) {
		pairs = append(pairs, string(r), plain[i:i+1])
	}
	return strings.NewReplacer(pairs...)
}()

// hidden contains the characters that show nothing, other than spaces: control and format characters,
// and those that Unicode calls default ignorable. Format characters that are shown aren't in it.
var hidden = func() *unicode.RangeTable {
	all := rangetable.Merge(unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Variation_Selector,
		unicode.Other_Default_Ignorable_Code_Point, rangetable.New('\u2800')) // an empty braille pattern
	var runes []rune
	rangetable.Visit(all, func(r rune) {
		if !unicode.Is(unicode.Prepended_Concatenation_Mark, r) {
			runes = append(runes, r)
		}
	})
	return rangetable.New(runes...)
}()

// joined matches text in which hidden characters have a visible effect: emoji (UTS #51), variants of
// Han characters in Japanese names, and joiners next to a virama or between letters that are joined
// (RFC 5892, appendix A, and a joiner before a virama, as in Bengali).
var joined = regexp.MustCompile(strings.NewReplacer(" ", "",
	"EMOJI", `[©®‼⁉™ℹ\x{2190}-\x{23FF}Ⓜ\x{25A0}-\x{27BF}⤴⤵\x{2B00}-\x{2BFF}〰〽㊗㊙\x{1F000}-\x{1FAFF}][\x{FE0E}\x{FE0F}\x{1F3FB}-\x{1F3FF}]?`,
	"TAG", `[\x{E0030}-\x{E0039}\x{E0061}-\x{E007A}]`,
	"VARIANT", `[\x{FE00}-\x{FE0F}\x{E0100}-\x{E01EF}]`,
	"CURSIVE", `[\p{Arabic}\p{Mongolian}\p{Nko}\p{Syriac}]`,
	"VIRAMA", "[\u094D\u09CD\u0A4D\u0ACD\u0B4D\u0BCD\u0C4D\u0CCD\u0D4D\u0DCA]", // of scripts of India and Sri Lanka
	"ZWNJ", `\x{200C}`, "ZWJ", `\x{200D}`,
).Replace(`🏴 TAG{3,6} \x{E007F} | EMOJI (?: ZWJ EMOJI )* | [0-9#*] \x{FE0F} \x{20E3} | \p{Han} VARIANT |` +
	` CURSIVE (?: ZWNJ CURSIVE )+ | VIRAMA (?: ZWJ | ZWNJ ) | \p{L} ZWJ VIRAMA`))
