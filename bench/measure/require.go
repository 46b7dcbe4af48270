package measure

// Requirement is what the median of a workload, or one of its ratios, must reach. All requirements of a workload hold together.
type Requirement struct {
	// Of is the name of a ratio; empty: the median.
	Of string `json:"of"`
	// Must always counts. Stretch is what is wished for beyond it; 0: nothing.
	Must    float64 `json:"must"`
	Stretch float64 `json:"stretch,omitempty"`
	// AtMost turns the comparison round: less is better.
	AtMost bool `json:"at_most,omitempty"`
}

// Verdict is what became of a requirement.
type Verdict string

// The verdicts, from bad to good. Unmeasured is that of a ratio that no repetition had.
const (
	Unmeasured Verdict = "unmeasured"
	Missed     Verdict = "missed"
	Met        Verdict = "met"
	Stretched  Verdict = "stretch"
)

// Judge compares a value with the requirement. NaN meets nothing.
func (r Requirement) Judge(got float64) Verdict {
	reaches := func(limit float64) bool { return got >= limit }
	if r.AtMost {
		reaches = func(limit float64) bool { return got <= limit }
	}
	switch {
	case !reaches(r.Must):
		return Missed
	case r.Stretch != 0 && reaches(r.Stretch):
		return Stretched
	}
	return Met
}
