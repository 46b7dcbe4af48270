package shuffle_test

import (
	"context"
	"fmt"
	"sort"
	"strings"

	"github.com/streamscope/streamscope/shuffle"
)

// The first program: rows are structs, the tag says which field chooses the partition.
func Example() {
	type Word struct {
		Text string `shuffle:"key"`
		N    int
	}
	s, err := shuffle.OpenOf[Word](context.Background(), shuffle.Config{Readers: 2})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer s.Close()
	w := s.Writer(0)
	for _, text := range strings.Fields("to be or not to be") {
		if err := w.Write(Word{text, 1}); err != nil {
			fmt.Println(err)
			return
		}
	}
	w.Close()
	var lines []string
	for i := range 2 { // ordinarily, each reader has a goroutine
		counts := map[string]int{}
		for v := range s.Reader(i).All() {
			counts[v.Text] += v.N
		}
		for text, n := range counts {
			lines = append(lines, fmt.Sprint(text, " ", n))
		}
	}
	sort.Strings(lines)
	fmt.Println(strings.Join(lines, "\n"))
	// Output:
	// be 2
	// not 1
	// or 1
	// to 2
}

// Rounds: what readers see of a round is a function of what was written in it, whoever wrote first.
func Example_rounds() {
	ctx := context.Background()
	schema := &shuffle.Schema{Fields: []shuffle.Field{{Name: "key", Kind: shuffle.Int64}}}
	s, err := shuffle.Open(ctx, shuffle.Config{Schema: schema, Keys: []string{"key"}, Partitions: 2, Writers: 2, Ordered: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer s.Close()
	for i := 1; i >= 0; i-- {
		w, b := s.Writer(i), shuffle.NewBuilder(schema)
		for key := range int64(4) {
			b.AppendTime(10*key, 0, 0)
			b.Cols[0].AppendInt64(10*int64(i) + key)
		}
		if err := w.Write(ctx, b.View()); err != nil {
			fmt.Println(err)
		}
		if err := w.EndRound(ctx, 30); err != nil {
			fmt.Println(err)
		}
		w.Close()
	}
	r := s.Reader(0)
	for {
		p, err := r.Next(ctx)
		if err != nil {
			fmt.Println(err)
			return
		}
		if p.EndOfRound {
			fmt.Printf("round %d ends, CTI %d\n", p.Round, p.CTI)
			continue
		}
		fmt.Println("partition", p.Partition, "keys", p.Rows.Cols[0].Int64s())
	}
	// Output:
	// partition 0 keys [3]
	// partition 0 keys [10 11]
	// partition 1 keys [0 1 2]
	// partition 1 keys [12 13]
	// round 1 ends, CTI 30
	// EOF
}

// Back-pressure is a return value: fewer rows than were offered.
func ExampleWriter_TryWrite() {
	ctx := context.Background()
	schema := &shuffle.Schema{Fields: []shuffle.Field{{Name: "n", Kind: shuffle.Int64}}}
	s, err := shuffle.Open(ctx, shuffle.Config{Schema: schema, SegmentBytes: 64 << 10, FrameBytes: 4096, MemoryBytes: 512 << 10})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer s.Close()
	b := shuffle.NewBuilder(schema)
	for n := range int64(100_000) {
		b.AppendTime(0, 0, 0)
		b.Cols[0].AppendInt64(n)
	}
	rows := b.View()
	for { // nobody reads: at some point there is no more room
		n, err := s.Writer(0).TryWrite(rows)
		if err != nil {
			fmt.Println(err)
			return
		}
		if n < rows.N {
			fmt.Println("full")
			break
		}
	}
	p, err := s.Reader(0).Next(ctx)
	fmt.Println(p.Rows.Cols[0].Int64s()[0], err)
	s.Reader(0).Ack() // the rows are lent until then, beyond Close too
	// Output:
	// full
	// 0 <nil>
}

// What cannot work is said all at once.
func ExampleOpen_configuration() {
	_, err := shuffle.Open(context.Background(), shuffle.Config{
		Schema: &shuffle.Schema{Fields: []shuffle.Field{{Name: "n", Kind: shuffle.Int64}}},
		Keys:   []string{"m"}, Peers: []string{"a:1", "b:1"}, Readers: 3, Partitions: 4,
	})
	fmt.Println(err)
	// Output:
	// shuffle: bad configuration: a token of 0 bytes, want 1 to 255 between processes
	// 4 partitions for 2 processes, 3 readers in this one: want at least one for each reader
	// key "m" is not a column of (vs, n int64)
}
