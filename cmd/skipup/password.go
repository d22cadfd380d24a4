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

// maxPasswordLine is more bytes than any password has; the Store refuses what is longer.
const maxPasswordLine = 16 * models.MaxPassword

// newPassword is what the operator wants as a password: made here if generate says so or if
// nothing at all comes from stdin, else what stdin says. An empty line is not nothing: a
// script whose variable is empty must not get a password that it did not ask for.
func (p *program) newPassword(ctx context.Context, generate bool) (password string, generated bool, err error) {
	if generate {
		return rand.Text(), true, nil
	}
	if fd, terminal := terminalOf(p.stdin); terminal {
		password, err = p.promptTwice(ctx, fd)
		return password, false, err
	}
	line, err := await(ctx, func() (string, error) {
		return bufio.NewReader(io.LimitReader(p.stdin, maxPasswordLine)).ReadString('\n')
	})
	switch {
	case err == io.EOF && line == "":
		return rand.Text(), true, nil
	case err != nil && err != io.EOF:
		return "", false, fmt.Errorf("read the password from standard input: %w", err)
	}
	line = strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
	if line == "" {
		return "", false, usageErrors{"the first line of standard input is empty, where the password should be; --generate-password makes one"}
	}
	return line, false, nil
}

var errNoPassword = usageErrors{"no password was typed; --generate-password makes one"}

func (p *program) promptTwice(ctx context.Context, fd int) (string, error) {
	before, err := term.GetState(fd)
	if err != nil {
		return "", fmt.Errorf("read the state of the terminal: %w", err)
	}
	defer func() { _ = term.Restore(fd, before) }() // an interrupt leaves the echo off
	first, err := p.prompt(ctx, fd, fmt.Sprintf("Password of the admin, %d characters or more: ", models.MinPassword))
	if err != nil {
		return "", err
	}
	second, err := p.prompt(ctx, fd, "The same again: ")
	if err != nil {
		return "", err
	}
	if first != second {
		return "", usageErrors{"the two passwords differ"}
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

// await is what read returns, or the error of ctx if that ends first: nothing else interrupts
// a read from standard input.
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
