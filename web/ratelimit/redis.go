package ratelimit

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// poolSize is the number of connections to Redis. If a call takes a millisecond, they allow 32,000
// calls per second.
const poolSize = 32

// errRedisURL omits the URL, which may contain a password.
var errRedisURL = errors.New("must be redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE], rediss:// likewise for TLS, or unix:///PATH[?db=DATABASE]; " +
	"in USER and PASSWORD, characters such as / ? # and @ must be percent-encoded")

// ParseRedis parses the URL of a Redis server and returns client options for NewShared.
func ParseRedis(redisURL string) (*redis.Options, error) {
	parsed, err := url.Parse(redisURL)
	if err != nil || parsed.Fragment != "" || (parsed.Scheme == "unix") != (parsed.Hostname() == "") {
		return nil, errRedisURL // redis.ParseURL would accept these mistakes
	}
	query := parsed.Query()
	if query.Del("db"); len(query) > 0 {
		return nil, errRedisURL // other options are set below
	}
	options, err := redis.ParseURL(redisURL)
	if err != nil || options.DB < 0 {
		return nil, errRedisURL
	}
	options.PoolSize = poolSize

	// The context limits how long a request waits. These limits apply to work in the background.
	options.ContextTimeoutEnabled = true
	options.DialTimeout, options.DialerRetries = time.Second, 1
	options.ReadTimeout, options.WriteTimeout = time.Second, time.Second
	options.MaxRetries = -1 // none, because a call without a response may have been counted

	// Works with the Redis of Debian 12 and without additional ACL permissions.
	options.Protocol = 2
	options.DisableIdentity = true
	options.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	return options, nil
}

// Rejects reports whether a Redis server responds that the user or the password is wrong or missing.
func Rejects(ctx context.Context, client *redis.Client) bool {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	var rejected redis.Error
	if err := client.Ping(ctx).Err(); err == nil || !errors.As(err, &rejected) {
		return false
	}
	for _, code := range []string{"WRONGPASS", "NOAUTH", "ERR AUTH", "ERR invalid password", "ERR Client sent AUTH"} {
		if strings.HasPrefix(rejected.Error(), code) {
			return true
		}
	}
	return false
}
