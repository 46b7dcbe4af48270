package connect

import (
	"fmt"
	"path/filepath"
	"sort"
	"strings"

	"github.com/streamscope/streamscope/vertex"
)

// Format is a kind of file. Packages of formats register theirs when they are imported.
type Format struct {
	Name    string   // "csv"
	Endings []string // ".csv", lower case
	// Open begins to decode a file; it may block. The decoder owns nothing of in: the caller closes it after the decoder.
	Open func(in *Input, want *Wanted) (Decoder, error)
	// NewSink returns a sink that encodes rows into out, which it owns from then on, also after an error. own is what the format added to
	// the position that out is continued from, untrusted; nil if it added nothing, and for a new output.
	NewSink func(out *Output, cols *Columns, own []byte, wake func()) (vertex.Sink, error)
}

// Decoder decodes one file as a sequence of lanes, the parts that can be decoded at the same time.
type Decoder interface {
	// Lanes is the number of parts, at least 1, in row order.
	Lanes() int
	// Decode decodes one lane, from a place that it told out.Mark in an earlier life (the zero Place: from its beginning), into batches that it takes
	// from out and puts back filled. Lanes are decoded by goroutines of their own, each once. An error is reported behind the rows put
	// before it. When out.Take returns nil, Decode returns.
	Decode(lane int, from Place, out *Lane) error
	// Close frees what the decoder holds; no Decode runs any more.
	Close() error
}

// Place is where a decoder can begin within a lane. Places other than 0 come from a position, so they are not trusted.
type Place struct {
	Byte uint64 // of the file
	Line uint64 // lines before it, as the decoder counts them for its messages
}

var formats = map[string]*Format{}

// Register makes a format known. It is called from init functions only.
func Register(f *Format) { formats[f.Name] = f }

// formatOf returns the named format or, if name is empty, the one of the path's ending.
func formatOf(name, path string) (*Format, error) {
	if name != "" {
		if f := formats[name]; f != nil {
			return f, nil
		}
		return nil, fmt.Errorf("format %q is unknown, want one of %s", name, formatNames())
	}
	ending := strings.ToLower(filepath.Ext(path))
	for _, f := range formats {
		for _, e := range f.Endings {
			if e == ending {
				return f, nil
			}
		}
	}
	if ending == "" {
		return nil, fmt.Errorf("%s: the name has no ending that tells its format; name one of %s", path, formatNames())
	}
	return nil, fmt.Errorf("%s: ending %q is of no format, want one of %s", path, ending, formatNames())
}

func formatNames() string {
	names := make([]string, 0, len(formats))
	for n := range formats {
		names = append(names, n)
	}
	sort.Strings(names)
	return strings.Join(names, ", ")
}
