package main

import (
	"io"
	"log/slog"
	"os"

	"golang.org/x/term"
)

// newLogger returns a logger that writes text to a terminal and JSON to anything else.
func newLogger(w io.Writer) *slog.Logger {
	if _, terminal := terminalOf(w); terminal {
		return slog.New(slog.NewTextHandler(w, nil))
	}
	return slog.New(slog.NewJSONHandler(w, nil))
}

// terminalOf returns the file descriptor of stream if it is a terminal.
func terminalOf(stream any) (fd int, ok bool) {
	file, ok := stream.(*os.File)
	if !ok {
		return 0, false
	}
	fd = int(file.Fd())
	return fd, term.IsTerminal(fd)
}
