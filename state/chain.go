package state

// chain returns a bucket with room behind a full one that cannot be split.
func (t *Table) chain(hash uint64, at *link) (link, error) {
	for l := *at; l&linkChained != 0; {
		l = (*bucketHeader)(t.at(l.ref())).next
		if uint32((*bucketHeader)(t.at(l.ref())).n) < t.limit[l.class()] {
			return l, nil
		}
	}
	head := (*bucketHeader)(t.at(at.ref()))
	depth, next := head.depth, link(0)
	if *at&linkChained != 0 {
		next = head.next
	}
	var l link
	if _, err := t.newBucket(&l, bucketClasses-1, depth); err != nil {
		return 0, err
	}
	added := (*bucketHeader)(t.at(l.ref()))
	added.next = next
	if next != 0 {
		l |= linkChained
	}
	t.touch(at.ref())
	head.next = l
	t.relink(hash, at, *at|linkChained)
	return l, nil
}

// relink changes all directory entries of the bucket at *at.
func (t *Table) relink(hash uint64, at *link, l link) {
	if at == &t.outside {
		t.outside = l
		return
	}
	t.setRange(hash, (*bucketHeader)(t.at(at.ref())).depth, l)
}

// dropBucket takes an empty bucket out of the directory, or out of its chain.
func (t *Table) dropBucket(hash uint64, s slot) {
	at := &t.outside
	if i := hash>>t.shift - t.first; i < uint64(len(t.dir)) {
		at = &t.dir[i]
	}
	empty := (*bucketHeader)(s.b)
	var next link
	if s.l&linkChained != 0 {
		next = empty.next
	}
	if at.ref() == s.l.ref() {
		if next != 0 {
			t.touch(next.ref())
			(*bucketHeader)(t.at(next.ref())).depth = empty.depth
		}
		t.relink(hash, at, next)
		t.freeBucket(s.l)
		return
	}
	prev := *at
	for h := (*bucketHeader)(t.at(prev.ref())); h.next.ref() != s.l.ref(); {
		prev = h.next
		h = (*bucketHeader)(t.at(prev.ref()))
	}
	t.touch(prev.ref())
	(*bucketHeader)(t.at(prev.ref())).next = next
	if next == 0 {
		t.unchain(hash, at, prev)
	}
	t.freeBucket(s.l)
}

// unchain clears the mark of the bucket that is the last of its chain now.
func (t *Table) unchain(hash uint64, at *link, last link) {
	if at.ref() == last.ref() {
		t.relink(hash, at, *at&^linkChained)
		return
	}
	for l := *at; ; {
		h := (*bucketHeader)(t.at(l.ref()))
		if h.next.ref() == last.ref() {
			t.touch(l.ref())
			h.next &^= linkChained
			return
		}
		l = h.next
	}
}
