package report

import (
	"context"
	"io"
	"log/slog"
	"strings"
)

// lineHandler writes a message as a person would: `streamscope: warning: 3 late rows dropped (stage=pairs)`.
type lineHandler struct {
	out   io.Writer // one Write per line; safe for concurrent use
	attrs string    // already written, each with a leading space
	group string    // prefix of names
}

func (h lineHandler) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelInfo }

func (h lineHandler) Handle(_ context.Context, r slog.Record) error {
	var b strings.Builder
	b.WriteString("streamscope: ")
	if r.Level >= slog.LevelWarn && r.Level < slog.LevelError {
		b.WriteString("warning: ")
	}
	b.WriteString(r.Message)
	attrs := h.attrs
	r.Attrs(func(a slog.Attr) bool {
		attrs += h.text(a)
		return true
	})
	if attrs != "" {
		b.WriteString(" (" + attrs[1:] + ")")
	}
	b.WriteByte('\n')
	_, err := io.WriteString(h.out, b.String())
	return err
}

func (h lineHandler) text(a slog.Attr) string {
	return " " + h.group + a.Key + "=" + strings.ReplaceAll(a.Value.Resolve().String(), "\n", " ")
}

func (h lineHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	for _, a := range attrs {
		h.attrs += h.text(a)
	}
	return h
}

func (h lineHandler) WithGroup(name string) slog.Handler {
	h.group += name + "."
	return h
}
