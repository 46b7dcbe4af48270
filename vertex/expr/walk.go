package expr

import "slices"

// Columns lists the payload columns that the expressions use, sorted, each once. Vs and Ve are not among them.
func Columns(es ...Expr) []string {
	var names []string
	for _, e := range es {
		e.walk(func(n *node) {
			if n.op == opCol {
				names = append(names, n.s)
			}
		})
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// UsesLifetime reports whether e reads Vs or Ve.
func UsesLifetime(e Expr) bool {
	uses := false
	e.walk(func(n *node) { uses = uses || n.op == opVs || n.op == opVe })
	return uses
}

// AsColumn returns the name of the column if e is nothing but a column.
func AsColumn(e Expr) (name string, ok bool) {
	if e.n == nil || e.n.op != opCol {
		return "", false
	}
	return e.n.s, true
}

func (e Expr) walk(f func(*node)) {
	if e.n == nil {
		return
	}
	f(e.n)
	for _, a := range e.n.args {
		a.walk(f)
	}
}

// Substitute replaces columns by what stands under their names in with, and keeps the others. Replacements are not looked into
// again, so that a and b may change places. With it a filter is moved below the projection it stood above.
func Substitute(e Expr, with map[string]Expr) Expr {
	return rewrite(e, func(n *node) (Expr, bool) {
		if n.op != opCol {
			return Expr{}, false
		}
		r, ok := with[n.s]
		return r, ok
	})
}

// SubstituteLifetime replaces Vs and Ve; a zero Expr keeps the one it stands for.
func SubstituteLifetime(e, vs, ve Expr) Expr {
	return rewrite(e, func(n *node) (Expr, bool) {
		switch {
		case n.op == opVs && !vs.IsZero():
			return vs, true
		case n.op == opVe && !ve.IsZero():
			return ve, true
		}
		return Expr{}, false
	})
}

// Rename gives columns other names: old -> new. Columns that are not in the map keep theirs.
func Rename(e Expr, names map[string]string) Expr {
	return rewrite(e, func(n *node) (Expr, bool) {
		if n.op != opCol {
			return Expr{}, false
		}
		to, ok := names[n.s]
		return Col(to), ok
	})
}

// rewrite replaces the nodes that leaf answers for and shares every subtree in which nothing changed.
func rewrite(e Expr, leaf func(*node) (Expr, bool)) Expr {
	if e.n == nil {
		return e
	}
	if r, ok := leaf(e.n); ok {
		return r
	}
	var args []Expr
	for i, a := range e.n.args {
		r := rewrite(a, leaf)
		if r.n != a.n && args == nil {
			args = slices.Clone(e.n.args)
		}
		if args != nil {
			args[i] = r
		}
	}
	if args == nil {
		return e
	}
	n := *e.n
	n.args = args
	return Expr{&n}
}
