package simtest

import (
	"math/rand/v2"
	"testing"
)

// imagesAtPeers are runs whose images are kept by one or two peers, and their journals too, or by disks.
func imagesAtPeers(c class) class {
	draw := c.draw
	c.draw = func(rng *rand.Rand) (Limits, *Faults) {
		l, f := draw(rng)
		f.ImagePeers, f.JournalPeers = 1+rng.IntN(2), rng.IntN(3)
		l.Nodes = max(l.Nodes, f.ImagePeers+1+rng.IntN(2), f.JournalPeers+1)
		f.Plan = drawAtPeers(rng, l.Nodes)
		return l, f
	}
	return c
}

var smallImages, largeImages = imagesAtPeers(small), imagesAtPeers(large)

// TestSeedsImagesAtPeers runs random graphs under random faults with images in the memory of peers (I11, R24a): either the output is that of peace, or the run says
// that all who kept images, or a journal, are lost, and it is true.
func TestSeedsImagesAtPeers(t *testing.T) {
	n := seeds(t, 60)
	sum, lost := seedsAtPeers(t, n, func(seed uint64) class {
		if seed%4 == 0 {
			return largeImages
		}
		return smallImages
	})
	t.Logf("%d seeds, %d of them lost all copies of images or a journal; the others: %d losses of workers, %d zombies, %d images had from peers, %d steps", n, lost, sum.Crashes, sum.Zombies, sum.Found, sum.Steps)
	if n >= 40 && sum.Found == 0 {
		t.Error("no image was had from peers")
	}
}

// TestImagesGoThroughLoadedLinks: ticks of a microsecond fill slow links with copies, which go before images; these get through all the same, and bases come further.
func TestImagesGoThroughLoadedLinks(t *testing.T) {
	rr := &randomRun{seed: 1788, class: largeImages}
	if _, _, err := rr.do(); err != nil {
		t.Fatal(err)
	}
}

// TestImagesBegunAnewAreKept: a life that finds no images begins anew, at a peer where the life before had removed as many as it writes first. They were acknowledged, and
// not kept.
func TestImagesBegunAnewAreKept(t *testing.T) {
	rr := &randomRun{seed: 388, class: largeImages}
	if _, _, err := rr.do(); err != nil && !journalLost(err) {
		t.Fatal(err)
	}
}
