// Package storetest is the conformance kit of snapshot stores: what package snapshot relies on, as tests that every driver must pass.
package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"

	"github.com/streamscope/streamscope/state/snapshot"
)

// Run tests a kind of store; open returns an empty one, and reopen the same one as another process would see it.
func Run(t *testing.T, open func(t *testing.T) (s snapshot.Store, reopen func() snapshot.Store)) {
	for name, test := range map[string]func(k *kit){
		"create": (*kit).create, "failed create": (*kit).failedCreate, "delete": (*kit).delete, "list": (*kit).list, "swap": (*kit).swap, "names": (*kit).names,
	} {
		t.Run(name, func(t *testing.T) {
			s, reopen := open(t)
			test(&kit{t, s, reopen})
		})
	}
}

type kit struct {
	*testing.T
	s      snapshot.Store
	reopen func() snapshot.Store
}

func (k *kit) put(name, content string) error {
	return k.s.Create(name, func(w io.Writer) error {
		for i := 0; i < len(content); i += 7 { // in pieces
			if _, err := io.WriteString(w, content[i:min(i+7, len(content))]); err != nil {
				return err
			}
		}
		return nil
	})
}

func (k *kit) must(err error) {
	k.Helper()
	if err != nil {
		k.Fatal(err)
	}
}

func (k *kit) wantErr(what string, err, want error) {
	k.Helper()
	if !errors.Is(err, want) {
		k.Errorf("%s: %v, want %v", what, err, want)
	}
}

func (k *kit) wantContent(s snapshot.Store, name, want string) {
	k.Helper()
	o, err := s.Open(name)
	k.must(err)
	b := make([]byte, o.Size())
	if n, err := o.ReadAt(b, 0); n != len(b) || (err != nil && err != io.EOF) {
		k.Errorf("%s: read %d of %d bytes: %v", name, n, len(b), err)
	}
	if string(b) != want {
		k.Errorf("%s holds %q, want %q", name, b, want)
	}
	if n, err := o.ReadAt(make([]byte, 2), o.Size()-1); n != 1 || err != io.EOF {
		k.Errorf("%s: a read across the end gave %d bytes and %v, want 1 and EOF", name, n, err)
	}
	k.must(o.Close())
}

func (k *kit) create() {
	const text = "a text of some length that takes several writes"
	k.must(k.put("a/b/c", text))
	k.wantErr("a second create", k.put("a/b/c", "other"), snapshot.ErrExists)
	k.wantContent(k.s, "a/b/c", text)
	k.wantContent(k.reopen(), "a/b/c", text)
	_, err := k.s.Open("a/b/d")
	k.wantErr("open of nothing", err, snapshot.ErrNotFound)
}

func (k *kit) failedCreate() {
	stop := errors.New("stop")
	err := k.s.Create("x", func(w io.Writer) error {
		_, err := w.Write([]byte("half"))
		return errors.Join(err, stop)
	})
	k.wantErr("a create that fails", err, stop)
	_, err = k.s.Open("x")
	k.wantErr("open of what failed", err, snapshot.ErrNotFound)
	names, err := k.s.List("")
	if k.must(err); len(names) > 0 {
		k.Errorf("a failed create left %q", names)
	}
	k.must(k.put("x", "whole"))
	k.wantContent(k.s, "x", "whole")
}

func (k *kit) delete() {
	k.must(k.put("x", "content"))
	o, err := k.s.Open("x")
	k.must(err)
	k.must(k.s.Delete("x"))
	k.must(k.s.Delete("x"))
	_, err = k.reopen().Open("x")
	k.wantErr("open of what was deleted", err, snapshot.ErrNotFound)
	b := make([]byte, 7)
	if _, err := o.ReadAt(b, 0); (err != nil && err != io.EOF) || string(b) != "content" {
		k.Errorf("an open object that was deleted reads %q, %v", b, err)
	}
	k.must(o.Close())
}

func (k *kit) list() {
	for _, n := range []string{"b/2", "b/1", "a", "b2/1", "b/deep/er"} {
		k.must(k.put(n, n))
	}
	_, err := k.s.Swap("b/m", "", []byte("x"))
	k.must(err)
	for prefix, want := range map[string][]string{
		"": {"a", "b/1", "b/2", "b/deep/er", "b/m", "b2/1"}, "b": {"b/1", "b/2", "b/deep/er", "b/m", "b2/1"},
		"b/": {"b/1", "b/2", "b/deep/er", "b/m"}, "b/d": {"b/deep/er"}, "c": nil,
	} {
		got, err := k.reopen().List(prefix)
		k.must(err)
		if !slices.Equal(got, want) {
			k.Errorf("list of %q: %q, want %q", prefix, got, want)
		}
	}
}

func (k *kit) swap() {
	_, _, err := k.s.Load("m")
	k.wantErr("load of nothing", err, snapshot.ErrNotFound)
	_, err = k.s.Swap("m", "no such version", []byte("x"))
	k.wantErr("swap of what is not there", err, snapshot.ErrConflict)
	v1, err := k.s.Swap("m", "", []byte("one"))
	k.must(err)
	_, err = k.s.Swap("m", "", []byte("again"))
	k.wantErr("a second first swap", err, snapshot.ErrConflict)
	other := k.reopen()
	b, v, err := other.Load("m")
	if k.must(err); string(b) != "one" || v != v1 {
		k.Errorf("load gave %q at %q, want %q at %q", b, v, "one", v1)
	}
	v2, err := other.Swap("m", v, []byte("two"))
	k.must(err)
	_, err = k.s.Swap("m", v1, []byte("late"))
	k.wantErr("swap of an old version", err, snapshot.ErrConflict)
	b, v, err = k.s.Load("m")
	if k.must(err); string(b) != "two" || v != v2 {
		k.Errorf("load gave %q at %q, want %q at %q", b, v, "two", v2)
	}
	if _, err = k.s.Swap("m", v2, bytes.Repeat([]byte{1}, snapshot.MaxSwapBytes+1)); err == nil {
		k.Errorf("a swap of more than %d bytes was taken", snapshot.MaxSwapBytes)
	}
}

func (k *kit) names() {
	for _, n := range []string{"", "/a", "a/", "a//b", "../a", "a/../b", ".tmp", "A", "a b", "a\x00", fmt.Sprintf("%0300d", 1)} {
		if err := k.put(n, "x"); err == nil {
			k.Errorf("the name %q was taken", n)
		}
		if _, err := k.s.Swap(n, "", nil); err == nil {
			k.Errorf("a swap of the name %q was taken", n)
		}
		if _, err := k.s.Open(n); err == nil || errors.Is(err, snapshot.ErrNotFound) {
			k.Errorf("open of the name %q: %v", n, err)
		}
		if err := k.s.Delete(n); err == nil {
			k.Errorf("delete of the name %q was taken", n)
		}
	}
}
