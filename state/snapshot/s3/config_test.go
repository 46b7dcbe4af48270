package s3_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/streamscope/streamscope/state/snapshot/s3"
)

func TestParseURL(t *testing.T) {
	for name, want := range map[string][2]string{
		"s3://b": {"b", ""}, "s3://b/": {"b", ""}, "s3://my.bucket-1/p": {"my.bucket-1", "p"}, "s3://b/p/q/": {"b", "p/q"},
	} {
		if bucket, prefix, err := s3.ParseURL(name); err != nil || bucket != want[0] || prefix != want[1] {
			t.Errorf("%s: bucket %q, prefix %q, %v; want %q", name, bucket, prefix, err, want)
		}
	}
	for _, name := range []string{"", "b", "/b", "http://b", "s3:/b", "s3://", "s3:///p", "s3://B", "s3://b/p?x", "s3://b//p", "s3://b/../p", "s3://u:p@b/x"} {
		if _, _, err := s3.ParseURL(name); err == nil || !strings.Contains(err.Error(), "got \""+name) {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestFromEnv(t *testing.T) {
	for _, name := range []string{
		"AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_ACCESS_KEY", "AWS_SECRET_ACCESS_KEY",
		"AWS_SECRET_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE",
	} {
		t.Setenv(name, "")
	}
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(t.TempDir(), "none"))
	if _, err := s3.FromEnv("s3://b/p"); err == nil || !strings.Contains(err.Error(), "s3://b/p: no credentials; set AWS_ACCESS_KEY_ID") {
		t.Errorf("without credentials: %v", err)
	}
	t.Setenv("AWS_ACCESS_KEY_ID", "key")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	c, err := s3.FromEnv("s3://b/p")
	if err != nil || c.Endpoint != "https://s3.amazonaws.com" || c.Region != "us-east-1" || c.Bucket != "b" || c.Prefix != "p" {
		t.Errorf("%+v, %v", c, err)
	}
	t.Setenv("AWS_REGION", "eu-central-1")
	t.Setenv("AWS_ENDPOINT_URL", "http://localhost:1")
	t.Setenv("AWS_ENDPOINT_URL_S3", "http://localhost:2")
	if c, err = s3.FromEnv("s3://b/p"); err != nil || c.Endpoint != "http://localhost:2" || c.Region != "eu-central-1" {
		t.Errorf("%+v, %v", c, err)
	}
	for _, endpoint := range []string{"localhost:9000", "ftp://x", "http://", "http://x/path", "http://x?y", "http://u:p@x", ":"} {
		c.Endpoint = endpoint
		if _, err := s3.New(c); err == nil || !strings.Contains(err.Error(), "AWS_ENDPOINT_URL") {
			t.Errorf("endpoint %q: %v", endpoint, err)
		}
	}
}
