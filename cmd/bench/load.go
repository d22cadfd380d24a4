package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"sync"
	"time"
)

// connections are kept open and busy at once: enough that the server never waits for work.
const connections = 32

// load is what one round of one variant has measured.
type load struct {
	perSecond float64
	p50, p99  time.Duration
	cpu       time.Duration // of the server, for each request
	busy      float64       // part of the time that the server was at work
}

// client sends one request after the other on connections of its own. It does no more than it
// must: it has to be quicker than the server.
type client struct {
	server  *benched
	open    []net.Conn
	readers []*bufio.Reader
}

func dial(server *benched) (*client, error) {
	c := &client{server: server}
	for range connections {
		connection, err := net.Dial("tcp", server.address)
		if err != nil {
			return nil, errors.Join(err, c.close())
		}
		c.open = append(c.open, connection)
		c.readers = append(c.readers, bufio.NewReaderSize(connection, 4096))
	}
	return c, nil
}

func (c *client) close() error {
	var failed []error
	for _, connection := range c.open {
		failed = append(failed, connection.Close())
	}
	return errors.Join(failed...)
}

// requestsFor are requests to a path, one for each key, ready to be sent.
func requestsFor(path string, keys []string) [][]byte {
	requests := make([][]byte, len(keys))
	for i, key := range keys {
		requests[i] = []byte("GET " + path + " HTTP/1.1\r\nHost: bench\r\nUser-Agent: bench/1\r\nAuthorization: Bearer " + key + "\r\n\r\n")
	}
	return requests
}

// run sends requests in turn for a while, to a server that has nothing left to do of what came
// before.
func (c *client) run(requests [][]byte, length time.Duration, wantStatus int) (load, error) {
	times := make([][]time.Duration, connections)
	failed := make([]error, connections)
	if err := c.server.settle(); err != nil {
		return load{}, err
	}
	work, err := c.server.work()
	if err != nil {
		return load{}, err
	}
	start := time.Now()
	var all sync.WaitGroup
	for i := range connections {
		all.Go(func() {
			times[i], failed[i] = c.runOne(i, requests, start.Add(length), wantStatus)
		})
	}
	all.Wait()
	took := time.Since(start)
	worked, err := c.server.work()
	if err := errors.Join(append(failed, err)...); err != nil {
		return load{}, err
	}
	worked -= work
	answered := slices.Concat(times...)
	slices.Sort(answered)
	return load{
		perSecond: float64(len(answered)) / took.Seconds(),
		p50:       answered[len(answered)/2], p99: answered[len(answered)*99/100],
		cpu: worked / time.Duration(len(answered)), busy: worked.Seconds() / took.Seconds(),
	}, nil
}

func (c *client) runOne(i int, requests [][]byte, until time.Time, wantStatus int) ([]time.Duration, error) {
	times := make([]time.Duration, 0, 16384)
	for n := i; ; n += connections {
		sent := time.Now()
		if sent.After(until) {
			return times, nil
		}
		if _, err := c.open[i].Write(requests[n%len(requests)]); err != nil {
			return nil, err
		}
		status, err := readAnswer(c.readers[i])
		if err != nil {
			return nil, err
		}
		if status != wantStatus {
			return nil, fmt.Errorf("status %d, want %d", status, wantStatus)
		}
		times = append(times, time.Since(sent))
	}
}

// readAnswer reads one answer whose length is told, and returns its status.
func readAnswer(r *bufio.Reader) (status int, err error) {
	line, err := r.ReadSlice('\n')
	if err != nil {
		return 0, err
	}
	if len(line) < 12 {
		return 0, errors.New("no status line")
	}
	if status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return 0, err
	}
	length := 0
	for {
		if line, err = r.ReadSlice('\n'); err != nil {
			return 0, err
		}
		if len(line) <= 2 {
			_, err = r.Discard(length)
			return status, err
		}
		if name, value, found := bytes.Cut(line, []byte(": ")); found && bytes.EqualFold(name, []byte("Content-Length")) {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return 0, err
			}
		}
	}
}
