package s3

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/streamscope/streamscope/state/snapshot"
)

// Config says where a store is. The zero values of Timeout and Patience mean their defaults.
type Config struct {
	Bucket string
	Prefix string // of keys, without slashes at its ends; may be empty
	// Endpoint is the URL of the server: scheme, host, port.
	Endpoint string
	Region   string
	Creds    *credentials.Credentials
	// Timeout bounds one request.
	Timeout time.Duration
	// Patience bounds how long a call repeats requests that fail for reasons that may pass.
	Patience time.Duration
}

// Scheme is how names of stores begin.
const Scheme = "s3://"

const (
	regionDefault   = "us-east-1"
	endpointDefault = "https://s3.amazonaws.com"
	timeoutDefault  = 10 * time.Second
	patienceDefault = 20 * time.Second
)

// ParseURL reads the name of a store, s3://bucket or s3://bucket/prefix.
func ParseURL(name string) (bucket, prefix string, err error) {
	rest, ok := strings.CutPrefix(name, Scheme)
	bucket, prefix, _ = strings.Cut(rest, "/")
	prefix = strings.TrimSuffix(prefix, "/")
	if !ok || bucket == "" {
		return "", "", fmt.Errorf("got %q, want s3://BUCKET or s3://BUCKET/PREFIX", name)
	}
	if strings.Contains(bucket, "/") || snapshot.ValidName(bucket) != nil {
		return "", "", fmt.Errorf("got %q: bucket %q, want lower-case letters, digits, dots and hyphens", name, bucket)
	}
	if prefix == "" {
		return bucket, "", nil
	}
	if err := snapshot.ValidName(prefix); err != nil {
		return "", "", fmt.Errorf("got %q: prefix: %w", name, err)
	}
	return bucket, prefix, nil
}

// FromEnv adds to the name of a store what the usual variables say: AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL, AWS_REGION or
// AWS_DEFAULT_REGION, and AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, or else AWS_PROFILE of the file that
// AWS_SHARED_CREDENTIALS_FILE names, by default ~/.aws/credentials.
func FromEnv(name string) (Config, error) {
	bucket, prefix, err := ParseURL(name)
	if err != nil {
		return Config{}, err
	}
	c := Config{
		Bucket: bucket, Prefix: prefix,
		Endpoint: cmp.Or(os.Getenv("AWS_ENDPOINT_URL_S3"), os.Getenv("AWS_ENDPOINT_URL"), endpointDefault),
		Region:   cmp.Or(os.Getenv("AWS_REGION"), os.Getenv("AWS_DEFAULT_REGION"), regionDefault),
		Creds:    credentials.NewChainCredentials([]credentials.Provider{&credentials.EnvAWS{}, &credentials.FileAWSCredentials{}}),
	}
	// Without any the client would go on without a name, and the server's refusal say nothing of the cause.
	if v, err := c.Creds.GetWithContext(nil); err != nil || v.SignerType.IsAnonymous() {
		return Config{}, errors.Join(fmt.Errorf("%s: no credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE", name), err)
	}
	return c, nil
}

// host is the endpoint as the client takes it.
func (c *Config) host() (host string, secure bool, err error) {
	u, err := url.Parse(c.Endpoint)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.User != nil {
		return "", false, fmt.Errorf("endpoint: got %q, want http://HOST:PORT or https://HOST:PORT; see AWS_ENDPOINT_URL", c.Endpoint)
	}
	return u.Host, u.Scheme == "https", nil
}
