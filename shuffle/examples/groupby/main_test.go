package main

import (
	"bytes"
	"context"
	"fmt"
	"testing"
)

func TestGroupBy(t *testing.T) {
	var got bytes.Buffer
	if err := run(context.Background(), &got); err != nil {
		t.Fatal(err)
	}
	want := ""
	for shop := range int64(shops) {
		sum := int64(0)
		for n := shop; n < sales; n += shops {
			sum += parallel * n
		}
		want += fmt.Sprintf("shop %d: %d\n", shop, sum)
	}
	if got.String() != want {
		t.Errorf("got\n%s\nwant\n%s", &got, want)
	}
}
