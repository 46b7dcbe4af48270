package connect

import (
	"bytes"
	"slices"
	"testing"
)

func FuzzManifest(f *testing.F) {
	f.Add([]byte(`{"version":1,"token":"k","of":"parts of csv of i int64","made":true}` + "\n" + `{"file":"part-000000.csv","rows":1,"bytes":4,"sum":"0123456789abcdef"}` + "\n" +
		`{"complete":true,"parts":1,"rows":1}` + "\n"))
	f.Add([]byte("{}\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := parseManifest(text)
		if err != nil {
			return
		}
		again, err := parseManifest(append(text[:bytes.LastIndexByte(text, '\n')+1:len(text)], "torn"...))
		if err != nil || again.Complete != m.Complete || !slices.Equal(again.Parts, m.Parts) {
			t.Errorf("got %+v, %v, want %+v", again, err, m)
		}
	})
}
