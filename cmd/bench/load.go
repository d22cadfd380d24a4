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

// connections is how many connections are busy at once: enough that the server is never idle.
const connections = 32

// result holds the measurements of one round of one variant.
type result struct {
	perSecond float64
	p50, p99  time.Duration
	cpu       time.Duration // of the server, per request
	busy      float64       // fraction of the time that the server was on its core
}

// client sends one request after another on each of its connections. It does as little as
// possible, because it must be faster than the server.
type client struct {
	server  *server
	open    []net.Conn
	readers []*bufio.Reader
}

func dial(server *server) (*client, error) {
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

// requestsFor returns encoded requests for a path, one for each key.
func requestsFor(path string, keys []string) [][]byte {
	requests := make([][]byte, len(keys))
	for i, key := range keys {
		requests[i] = []byte("GET " + path + " HTTP/1.1\r\nHost: bench\r\nUser-Agent: bench/1\r\nAuthorization: Bearer " + key + "\r\n\r\n")
	}
	return requests
}

// run sends the requests in rotation for the given time. It first makes the server finish the work
// left over from the variant before.
func (c *client) run(requests [][]byte, length time.Duration, wantStatus int) (result, error) {
	times := make([][]time.Duration, connections)
	failed := make([]error, connections)
	if err := c.server.flush(); err != nil {
		return result{}, err
	}
	before, err := c.server.cpuTime()
	if err != nil {
		return result{}, err
	}
	start := time.Now()
	var all sync.WaitGroup
	for i := range connections {
		all.Go(func() {
			times[i], failed[i] = c.runOne(i, requests, start.Add(length), wantStatus)
		})
	}
	all.Wait()
	elapsed := time.Since(start)
	after, err := c.server.cpuTime()
	if err := errors.Join(append(failed, err)...); err != nil {
		return result{}, err
	}
	used := after - before
	latencies := slices.Concat(times...)
	slices.Sort(latencies)
	return result{
		perSecond: float64(len(latencies)) / elapsed.Seconds(),
		p50:       latencies[len(latencies)/2], p99: latencies[len(latencies)*99/100],
		cpu: used / time.Duration(len(latencies)), busy: used.Seconds() / elapsed.Seconds(),
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
		status, err := readResponse(c.readers[i])
		if err != nil {
			return nil, err
		}
		if status != wantStatus {
			return nil, fmt.Errorf("status = %d, want %d", status, wantStatus)
		}
		times = append(times, time.Since(sent))
	}
}

// readResponse reads one response that has a Content-Length and returns its status.
func readResponse(r *bufio.Reader) (status int, err error) {
	line, err := r.ReadSlice('\n')
	if err != nil {
		return 0, err
	}
	if len(line) < 12 {
		return 0, errors.New("the response has no status line")
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
