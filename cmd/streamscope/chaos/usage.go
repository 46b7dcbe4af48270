package chaos

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/streamscope/streamscope/bench/measure"
)

// Usage is what a run took at a moment.
type Usage struct {
	AtS float64 `json:"at_s"`
	// RSSBytes are resident in the memory of the manager and all workers together, DiskBytes are allocated to the data directory.
	RSSBytes  float64 `json:"rss_bytes"`
	DiskBytes float64 `json:"disk_bytes"`
}

// Trend says whether something grows in the second half of a run: whether its last quarter is above the one before. Each is cut into
// trendBlocks equal times, whose means are compared.
type Trend struct {
	ThirdBytes  float64 `json:"third_quarter_bytes"` // median of the means
	FourthBytes float64 `json:"fourth_quarter_bytes"`
	// P is that of the test of Mann and Whitney on the means.
	P    float64 `json:"p"`
	Flat bool    `json:"flat"`
}

const (
	usageEvery  = time.Second
	trendBlocks = 10
	// It grows if the quarters are ranked apart by more than chance would, and by more than a twentieth.
	trendP      = 0.01
	trendGrowth = 0.05
)

// trendOf judges what of says of each sample.
func trendOf(all []Usage, of func(Usage) float64) Trend {
	half := all[len(all)/2:]
	means := make([]float64, 2*trendBlocks)
	for i := range means {
		from, to := len(half)*i/len(means), len(half)*(i+1)/len(means)
		for _, u := range half[from:to] {
			means[i] += of(u) / float64(to-from)
		}
	}
	third, fourth := means[:trendBlocks], means[trendBlocks:]
	t := Trend{ThirdBytes: measure.Median(third), FourthBytes: measure.Median(fourth), P: measure.RankP(third, fourth)}
	t.Flat = t.P > trendP || t.FourthBytes <= t.ThirdBytes*(1+trendGrowth)
	return t
}

func (t Trend) String() string {
	word := "grows"
	if t.Flat {
		word = "flat"
	}
	return fmt.Sprintf("%s: %.1f MB in the third quarter, %.1f MB in the fourth, p %.3f", word, t.ThirdBytes/1e6, t.FourthBytes/1e6, t.P)
}

// usageMin is how many samples can be judged: one of each block.
const usageMin = 4 * trendBlocks

// Judge sets the trends of a run that was watched for long enough.
func (r *Result) judge() {
	if len(r.Usage) < usageMin {
		return
	}
	memory, disk := trendOf(r.Usage, func(u Usage) float64 { return u.RSSBytes }), trendOf(r.Usage, func(u Usage) float64 { return u.DiskBytes })
	r.Memory, r.Disk = &memory, &disk
}

// watch takes samples until ctx ends.
func (w *world) watch(ctx context.Context) {
	ticker := time.NewTicker(usageEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			w.mu.Lock()
			pids := []int{w.manager}
			for i := range w.workers {
				pids = append(pids, w.workers[i].PID)
			}
			w.mu.Unlock()
			u := Usage{AtS: now.Sub(w.began).Seconds(), DiskBytes: allocated(w.data())}
			for _, pid := range pids {
				u.RSSBytes += resident(pid)
			}
			w.mu.Lock()
			w.result.Usage = append(w.result.Usage, u)
			w.mu.Unlock()
		}
	}
}

// resident is the memory of a process; 0 if it is gone.
func resident(pid int) float64 {
	b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "statm"))
	if err != nil {
		return 0
	}
	fields := bytes.Fields(b)
	if len(fields) < 2 {
		return 0
	}
	pages, _ := strconv.ParseFloat(string(fields[1]), 64)
	return pages * float64(os.Getpagesize())
}

// allocated is what the files of a folder take. Files that go meanwhile are left out.
func allocated(dir string) float64 {
	var sum float64
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		var st unix.Stat_t
		if err == nil && d.Type().IsRegular() && unix.Lstat(path, &st) == nil {
			sum += 512 * float64(st.Blocks)
		}
		return nil
	})
	return sum
}
