package journal

import (
	"bytes"
	"testing"
)

// FuzzRecords: whatever lies behind the header of the newest segment, with the first record's sum made right, what is read is what would be written, record
// by record, up to where the segment ends.
func FuzzRecords(f *testing.F) {
	one := appendRecord(nil, 1, &Record{Task: 1, First: 1, Last: 3, CTI: 9, Runs: []Run{{1, 2}, {3, 4}}})
	f.Add(one)
	f.Add(appendRecord(one, 2, &Record{Task: 2, First: 4, Last: 4}))
	f.Add(append(one[:len(one):len(one)], make([]byte, 100)...))
	f.Add(one[:len(one)-3])
	input := appendRecord(nil, 1, &Record{Task: 1, First: 1, Last: 1, Input: NewInput(1, 2, []byte("x"))})
	f.Add(input)
	f.Add(append(append(input[:recordLen+bodyLen+4:recordLen+bodyLen+4], 0xff), input[recordLen+bodyLen+5:]...)) // flags that nobody knows
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) >= recordLen {
			if n := recordLen + int(le.Uint32(b)); n <= len(b) && n >= recordLen {
				b = append([]byte(nil), b...)
				le.PutUint64(b[12:], recordSum(b[:n]))
			}
		}
		h := header{first: 1}
		file := append(h.append(nil), b...)
		s := segment{header: h, valid: int64(len(file))}
		written := h.append(nil)
		err := s.records("", file, true, func(_ *segment, number uint64, r Record) {
			if number != h.first+s.count-1 {
				t.Fatalf("record %d as number %d", number, s.count)
			}
			written = appendRecord(written, number, &r)
		})
		if !bytes.HasPrefix(file, written) {
			t.Fatalf("read %x of %x", written, file)
		}
		if err == nil && s.valid != int64(len(written)) {
			t.Fatalf("%d bytes count, the records take %d", s.valid, len(written))
		}
	})
}
