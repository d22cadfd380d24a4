package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"strings"

	"golang.org/x/term"

	"github.com/skipup/keys/models"
)

// maxPasswordLine exceeds the length of any password in bytes. The Store rejects longer ones.
const maxPasswordLine = 16 * models.MaxPassword

// newPassword reads a password from stdin, or generates one if generate is set or stdin is empty.
// It rejects an empty line: a script whose variable is empty must not get a generated password.
func (p *program) newPassword(ctx context.Context, generate bool) (password string, generated bool, err error) {
	if generate {
		return rand.Text(), true, nil
	}
	if fd, terminal := terminalOf(p.stdin); terminal {
		password, err = p.promptTwice(ctx, fd)
		return password, false, err
	}
	line, found, err := p.pipedPassword(ctx)
	switch {
	case err != nil:
		return "", false, err
	case !found:
		return rand.Text(), true, nil
	case line == "":
		return "", false, usageErrors{"the first line of standard input must be the password, but it's empty; to generate a password, use --generate-password"}
	}
	return line, false, nil
}

// pipedPassword returns the first line of stdin, and whether there is one.
func (p *program) pipedPassword(ctx context.Context) (line string, found bool, err error) {
	line, err = await(ctx, func() (string, error) {
		return bufio.NewReader(io.LimitReader(p.stdin, maxPasswordLine)).ReadString('\n')
	})
	if err != nil && err != io.EOF {
		return "", false, fmt.Errorf("read the password from standard input: %w", err)
	}
	return strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r"), line != "", nil
}

// ignoredPassword returns the password that was provided for an account, which keeps its own: from stdin
// unless that is a terminal. Generating one is an error.
func (p *program) ignoredPassword(ctx context.Context, generate bool) (string, error) {
	if generate {
		return "", usageErrors{"--generate-password: the email belongs to an account, which keeps its password"}
	}
	if _, terminal := terminalOf(p.stdin); terminal {
		return "", nil
	}
	line, _, err := p.pipedPassword(ctx)
	return line, err
}

var errNoPassword = usageErrors{"no password entered; to generate one, use --generate-password"}

func (p *program) promptTwice(ctx context.Context, fd int) (string, error) {
	before, err := term.GetState(fd)
	if err != nil {
		return "", fmt.Errorf("read terminal state: %w", err)
	}
	defer func() { _ = term.Restore(fd, before) }() // an interrupted prompt leaves echo off
	first, err := p.prompt(ctx, fd, fmt.Sprintf("Admin password (at least %d characters): ", models.MinPassword))
	if err != nil {
		return "", err
	}
	second, err := p.prompt(ctx, fd, "Confirm password: ")
	if err != nil {
		return "", err
	}
	if first != second {
		return "", usageErrors{"passwords don't match"}
	}
	return first, nil
}

func (p *program) prompt(ctx context.Context, fd int, text string) (string, error) {
	_, _ = io.WriteString(p.stderr, text)
	password, err := await(ctx, func() (string, error) {
		typed, err := term.ReadPassword(fd)
		return string(typed), err
	})
	p.printErrf("")
	if err == nil && password == "" {
		return "", errNoPassword
	}
	return password, err
}

// await returns the result of read, or ctx's error if ctx ends first. Nothing else can interrupt a
// read from standard input.
func await(ctx context.Context, read func() (string, error)) (string, error) {
	type result struct {
		text string
		err  error
	}
	done := make(chan result, 1)
	go func() {
		text, err := read()
		done <- result{text, err}
	}()
	select {
	case r := <-done:
		return r.text, r.err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}
