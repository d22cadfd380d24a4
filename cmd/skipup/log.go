package main

import (
	"io"
	"log/slog"
	"os"

	"golang.org/x/term"
)

// newLogger writes text for people on a terminal and JSON for machines elsewhere.
func newLogger(w io.Writer) *slog.Logger {
	if _, terminal := terminalOf(w); terminal {
		return slog.New(slog.NewTextHandler(w, nil))
	}
	return slog.New(slog.NewJSONHandler(w, nil))
}

// terminalOf is the descriptor of the terminal that stream is, if it is one.
func terminalOf(stream any) (fd int, ok bool) {
	file, ok := stream.(*os.File)
	if !ok {
		return 0, false
	}
	fd = int(file.Fd())
	return fd, term.IsTerminal(fd)
}
