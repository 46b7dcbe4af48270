package parquet

import (
	"fmt"
	"sync"

	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
)

// arrow-go's decoders of zstd and snappy allocate what the packed data claims to unpack to, up to 64 GiB, before they find that it does not. Ours
// refuse what exceeds the page's buffer. They are registered with arrow-go for the whole program, as its interface has it.
func init() {
	compress.RegisterCodec(compress.Codecs.Zstd, boundedZstd{codec(compress.Codecs.Zstd)})
	compress.RegisterCodec(compress.Codecs.Snappy, boundedSnappy{codec(compress.Codecs.Snappy)})
}

func codec(c compress.Compression) compress.Codec {
	known, err := compress.GetCodec(c)
	if err != nil {
		panic(err) // arrow-go registers them all when it is imported
	}
	return known
}

var zstdDecoder = sync.OnceValue(func() *zstd.Decoder {
	d, err := zstd.NewReader(nil, zstd.WithDecodeAllCapLimit(true))
	if err != nil {
		panic(err) // the options are constant
	}
	return d
})

type boundedZstd struct{ compress.Codec }

func (boundedZstd) DecodeWithError(dst, src []byte) ([]byte, error) {
	return zstdDecoder().DecodeAll(src, dst[:0:len(dst)])
}

type boundedSnappy struct{ compress.Codec }

func (boundedSnappy) DecodeWithError(dst, src []byte) ([]byte, error) {
	n, err := snappy.DecodedLen(src)
	if err != nil {
		return nil, err
	}
	if n > len(dst) {
		return nil, fmt.Errorf("packed data of %d bytes for a page of %d", n, len(dst))
	}
	return snappy.Decode(dst, src)
}
