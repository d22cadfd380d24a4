package ratelimit

import (
	"errors"
	"net/url"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// poolSize is how many requests can ask Redis at once. At a millisecond for an answer it is
// enough for 32,000 in a second.
const poolSize = 32

// errRedisAddress does not repeat the address, which may hold a password.
var errRedisAddress = errors.New("must be redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE], rediss:// likewise for TLS, or unix:///PATH[?db=DATABASE]; " +
	"in USER and PASSWORD, characters such as / ? # and @ must be percent-encoded")

// ParseRedis reads the address of a Redis server into the options of a client for NewShared.
// Its error says what is expected.
func ParseRedis(address string) (*redis.Options, error) {
	place, err := url.Parse(address)
	if err != nil || place.Fragment != "" || (place.Scheme == "unix") != (place.Hostname() == "") {
		return nil, errRedisAddress // a slip that ParseURL would take for some other place
	}
	query := place.Query()
	if query.Del("db"); len(query) > 0 {
		return nil, errRedisAddress // what it could set is set below
	}
	options, err := redis.ParseURL(address)
	if err != nil || options.DB < 0 {
		return nil, errRedisAddress
	}
	options.PoolSize = poolSize

	// A request waits for as long as its context says. These bound what goes on behind it.
	options.ContextTimeoutEnabled = true
	options.DialTimeout, options.DialerRetries = time.Second, 1
	options.ReadTimeout, options.WriteTimeout = time.Second, time.Second
	options.MaxRetries = -1 // none: what was not answered may have been counted

	// Nothing that a server of Debian 12 does not know, or that an access list has to allow.
	options.Protocol = 2
	options.DisableIdentity = true
	options.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	return options, nil
}
