package engine

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/streamscope/streamscope/control"
	"github.com/streamscope/streamscope/control/meta"
)

// A directory of which a part was removed is refused, before anything of it is used or written over.
func TestPartsOfADirectoryAreMissing(t *testing.T) {
	begun := func(t *testing.T) string {
		t.Helper()
		dir := t.TempDir()
		d, err := openAgain(dir)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := meta.TakeOver(d.store, meta.Identity{Job: "x", Nodes: 1, Stages: 1}); err != nil {
			t.Fatal(err)
		}
		if err := d.close(); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"journal/0-0/00000001.journal", "snapshots/job-0000000000000001/task-00000000/manifest"} {
			path := filepath.Join(dir, name)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte("x"), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		return dir
	}
	for what, c := range map[string]struct {
		remove []string
		want   string
	}{
		"nothing":                     {nil, ""},
		"the store":                   {[]string{"meta.db"}, "meta.db was not there, or empty, but journal/0-0/00000001.journal is"},
		"the store and the journals":  {[]string{"meta.db", "journal"}, "but snapshots/job-0000000000000001 is"},
		"the token":                   {[]string{"token"}, "token is missing"},
		"all but the lock of a store": {[]string{"meta.db", "journal", "snapshots/job-0000000000000001"}, ""},
	} {
		dir := begun(t)
		for _, name := range c.remove {
			if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
		}
		for range 2 { // the first try must not make it look like a directory that was just begun
			d, err := openAgain(dir)
			if err == nil {
				err = d.close()
			}
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("without %s: got %v, want %q", what, err, c.want)
			}
		}
	}
}

func openAgain(dir string) (*data, error) {
	token, err := tokenOf(dir)
	if err != nil {
		return nil, err
	}
	return openData(dir, token)
}

// Of two runs that begin at once in a directory that was not there one is told of the other.
func TestOtherRunBeganMeanwhile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	ours, err := tokenOf(dir)
	if err != nil {
		t.Fatal(err)
	}
	d, err := openAgain(dir)
	if err == nil {
		err = d.close()
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := openData(dir, ours); err == nil || !strings.Contains(err.Error(), "another run has begun here meanwhile") {
		t.Errorf("got %v", err)
	}
	if d, err := openAgain(dir); err != nil || d.token == ours || d.close() != nil {
		t.Errorf("with the token that is there: %v", err)
	}
}

// What a job is given is what a directory must agree on, every field of it.
func TestSettingsNameEverythingAJobIsGiven(t *testing.T) {
	var cfg Config
	none := settings(&cfg)
	fields := reflect.ValueOf(&cfg.Job).Elem()
	for i := range fields.NumField() {
		name, f := fields.Type().Field(i).Name, fields.Field(i)
		switch name {
		case "Token", "Stdin": // of the directory, and of a process
			continue
		}
		switch f.Kind() {
		case reflect.String:
			f.SetString("x")
		case reflect.Slice:
			f.Set(reflect.MakeSlice(f.Type(), 1, 1))
		case reflect.Uint8, reflect.Uint, reflect.Uint32:
			f.SetUint(1)
		case reflect.Int:
			f.SetInt(1)
		default:
			t.Fatalf("Job.%s is a %v, which this test does not know how to change", name, f.Kind())
		}
		if settings(&cfg) == none {
			t.Errorf("Job.%s is not among the settings: a run would go on with another one", name)
		}
		f.SetZero()
	}
	for rule, want := range map[control.TickRule]string{{LengthNs: 5e6}: "\n--tick 5ms\n", {LimitByte: 1 << 20}: "\n--tick bytes:1048576\n"} {
		cfg.Tick = rule
		if got := settings(&cfg); !strings.Contains(got, want) {
			t.Errorf("settings %q, want %q in them", got, want)
		}
	}
}
