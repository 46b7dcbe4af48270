package s3_test

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/streamscope/streamscope/state/snapshot/s3"
)

// fake is a server of the few requests that a store makes, in memory, that can be hurt.
type fake struct {
	url string
	mu  struct {
		sync.Mutex
		objects map[string]stored            // by key
		uploads map[string]map[string]stored // by id, then part number
		count   int                          // requests so far
		// hurt, if set, is asked before each request is carried out, with its number from 1.
		hurt func(n int, r *http.Request) fault
	}
}

type stored struct {
	data []byte
	put  string
}

func (o stored) tag() string {
	sum := md5.Sum(o.data)
	return hex.EncodeToString(sum[:])
}

// fault is what happens to a request.
type fault string

const (
	none      fault = ""
	busy      fault = "503"           // refused, not done
	refused   fault = "reset before"  // connection cut, not done
	lost      fault = "answer lost"   // done, connection cut
	failed    fault = "500 after"     // done, error answered
	slow      fault = "slow"          // not done, and no answer
	slowDone  fault = "slow after"    // done, and no answer
	torn      fault = "torn"          // done, half of the answer's body
	tagless   fault = "no tag"        // done, no entity tag in the answer
	otherTag  fault = "another tag"   // done, with the entity tag of something else
	careless  fault = "no conditions" // done without regard to the condition
	forbidden fault = "403"
	moved     fault = "no bucket"
	rangeless fault = "no ranges"
)

func newFake(t *testing.T) *fake {
	f := &fake{}
	f.mu.objects, f.mu.uploads = map[string]stored{}, map[string]map[string]stored{}
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	f.url = server.URL
	return f
}

func (f *fake) config() s3.Config {
	return s3.Config{
		Bucket: "bucket", Prefix: "pre/fix", Endpoint: f.url, Region: "us-east-1", Creds: credentials.NewStaticV4("key", "secret", ""),
		Timeout: time.Second, Patience: 10 * time.Second,
	}
}

// hurt sets what happens from the next request on.
func (f *fake) hurt(hurt func(n int, r *http.Request) fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mu.count, f.mu.hurt = 0, hurt
}

func (f *fake) next(r *http.Request) fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mu.count++
	if f.mu.hurt == nil {
		return none
	}
	return f.mu.hurt(f.mu.count, r)
}

// ServeHTTP carries out a request, and hurts it.
func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	if sum := sha256.Sum256(body); r.Method == http.MethodPut && r.Header.Get("X-Amz-Content-Sha256") != hex.EncodeToString(sum[:]) {
		refuse(w, http.StatusBadRequest, "XAmzContentSHA256Mismatch")
		return
	}
	how := f.next(r)
	switch how {
	case busy:
		refuse(w, http.StatusServiceUnavailable, "SlowDown")
	case forbidden:
		refuse(w, http.StatusForbidden, "AccessDenied")
	case moved:
		refuse(w, http.StatusNotFound, "NoSuchBucket")
	case refused:
		panic(http.ErrAbortHandler)
	case slow:
		<-r.Context().Done()
	default:
		answer := httptest.NewRecorder()
		f.mu.Lock()
		f.serve(answer, r, body, how == careless)
		f.mu.Unlock()
		give(w, r, answer, how)
	}
}

// give answers what has been done.
func give(w http.ResponseWriter, r *http.Request, answer *httptest.ResponseRecorder, how fault) {
	body := answer.Body.Bytes()
	switch how {
	case lost:
		panic(http.ErrAbortHandler)
	case failed:
		refuse(w, http.StatusInternalServerError, "InternalError")
		return
	case slowDone:
		<-r.Context().Done()
		return
	case tagless:
		answer.Header().Del("ETag")
	case otherTag:
		answer.Header().Set("ETag", `"ffffffffffffffffffffffffffffffff"`)
	case rangeless:
		answer.Header().Del("Content-Range")
	}
	maps.Copy(w.Header(), answer.Header())
	if r.Method != http.MethodHead {
		w.Header().Set("Content-Length", fmt.Sprint(len(body)))
	}
	w.WriteHeader(answer.Code)
	if how == torn {
		_, _ = w.Write(body[:len(body)/2])
		panic(http.ErrAbortHandler)
	}
	_, _ = w.Write(body)
}

func refuse(w http.ResponseWriter, status int, code string) {
	w.WriteHeader(status)
	fmt.Fprintf(w, "<Error><Code>%s</Code><Message>as the test wants it</Message></Error>", code)
}

// serve carries out a request as S3 does. The lock is held.
func (f *fake) serve(w http.ResponseWriter, r *http.Request, body []byte, careless bool) {
	key := strings.TrimPrefix(r.URL.Path, "/bucket/")
	query := r.URL.Query()
	put := stored{body, r.Header.Get("X-Amz-Meta-Streamscope-Put")}
	switch {
	case r.Method == http.MethodGet && query.Has("list-type"):
		f.list(w, query.Get("prefix"), query.Get("start-after"))
	case r.Method == http.MethodPost && query.Has("uploads"):
		id := fmt.Sprint("upload-", f.mu.count)
		f.mu.uploads[id] = map[string]stored{"": put}
		fmt.Fprintf(w, "<InitiateMultipartUploadResult><UploadId>%s</UploadId></InitiateMultipartUploadResult>", id)
	case query.Has("uploadId"):
		f.upload(w, r, key, put, careless)
	case r.Method == http.MethodPut:
		f.put(w, r, key, put, careless)
	case r.Method == http.MethodDelete:
		delete(f.mu.objects, key)
		w.WriteHeader(http.StatusNoContent)
	default:
		f.get(w, r, key)
	}
}

func (f *fake) upload(w http.ResponseWriter, r *http.Request, key string, part stored, careless bool) {
	id := r.URL.Query().Get("uploadId")
	parts := f.mu.uploads[id]
	switch {
	case parts == nil:
		refuse(w, http.StatusNotFound, "NoSuchUpload")
	case r.Method == http.MethodPut:
		parts[r.URL.Query().Get("partNumber")] = part
		w.Header().Set("ETag", `"`+part.tag()+`"`)
	case r.Method == http.MethodDelete:
		delete(f.mu.uploads, id)
		w.WriteHeader(http.StatusNoContent)
	default:
		whole := stored{put: parts[""].put}
		for n := 1; n < len(parts); n++ {
			whole.data = append(whole.data, parts[fmt.Sprint(n)].data...)
		}
		if f.put(w, r, key, whole, careless) {
			delete(f.mu.uploads, id)
			fmt.Fprintf(w, "<CompleteMultipartUploadResult><ETag>%s</ETag></CompleteMultipartUploadResult>", whole.tag())
		}
	}
}

func (f *fake) put(w http.ResponseWriter, r *http.Request, key string, o stored, careless bool) bool {
	now, exists := f.mu.objects[key]
	match := strings.Trim(r.Header.Get("If-Match"), `"`)
	switch {
	case careless:
	case match != "" && !exists:
		refuse(w, http.StatusNotFound, "NoSuchKey")
		return false
	case exists && (r.Header.Get("If-None-Match") == "*" || match != "" && match != now.tag()):
		refuse(w, http.StatusPreconditionFailed, "PreconditionFailed")
		return false
	}
	f.mu.objects[key] = o
	w.Header().Set("ETag", `"`+o.tag()+`"`)
	return true
}

func (f *fake) get(w http.ResponseWriter, r *http.Request, key string) {
	o, ok := f.mu.objects[key]
	if !ok {
		refuse(w, http.StatusNotFound, "NoSuchKey")
		return
	}
	w.Header().Set("ETag", `"`+o.tag()+`"`)
	w.Header().Set("X-Amz-Meta-Streamscope-Put", o.put)
	http.ServeContent(w, r, "", time.Unix(1_000_000_000, 0), strings.NewReader(string(o.data)))
}

// list gives all keys in one answer.
func (f *fake) list(w http.ResponseWriter, prefix, after string) {
	type content struct{ Key, LastModified, ETag string }
	var result struct {
		XMLName  xml.Name `xml:"ListBucketResult"`
		Contents []content
	}
	for _, key := range slices.Sorted(maps.Keys(f.mu.objects)) {
		if strings.HasPrefix(key, prefix) && key > after {
			result.Contents = append(result.Contents, content{key, "2026-01-02T03:04:05Z", f.mu.objects[key].tag()})
		}
	}
	_ = xml.NewEncoder(w).Encode(result)
}
