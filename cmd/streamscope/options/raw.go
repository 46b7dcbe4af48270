package options

// Raw is the text of each flag as given; nil means that the flag was not given. Of a repeated flag it holds the last one.
type Raw struct {
	Input     []string
	Airports  *string
	Out       *string
	Workers   *string
	Tasks     *string
	Tick      *string
	Segment   *string
	Frame     *string
	Credit    *string
	Links     *string
	Arena     *string
	Spill     *string
	Lateness  *string
	Rate      *string
	Stats     *string
	LogFormat *string
	Pprof     *string
	OnBadRow  *string

	ListenHost     *string
	WorkerLauncher *string

	DataDir          *string
	SnapshotStore    *string
	SnapshotInterval *string
	ManagerPatience  *string
	Reliability      *string
	SourceDurability *string
	Objective        *string
	AcceptGap        bool
	InputAgain       bool
	EdgePolicies     []string
	StageStrategies  []string
	ReportInterval   *string
	Events           *string
}

// Flag describes one flag for the help text.
type Flag struct {
	Name    string
	Meta    string // the word for its value
	Help    string
	Default string // as shown to the user
	Target  func(*Raw) **string
}

// Flags are the flags of `run` that take one text each, in the order of the help; those that repeat are apart.
func Flags() []Flag {
	return []Flag{
		{"airports", "FILE", "table of airports (CSV) for the lookup of states", "the embedded table", func(r *Raw) **string { return &r.Airports }},
		{"out", "FILE", "write the result to this file; the ending .csv, .jsonl or .parquet names the format; with a slash behind it (out.csv/) it is a directory, which gets a part at each --snapshot-interval, visible at once", "standard output, as CSV", func(r *Raw) **string { return &r.Out }},
		{"workers", "N", "worker processes to start; with 0 this process does the work", "0", func(r *Raw) **string { return &r.Workers }},
		{"listen-host", "IP", "address at which this process and its workers take connections, with --workers", "127.0.0.1", func(r *Raw) **string { return &r.ListenHost }},
		{"worker-launcher", "PROGRAM", "start workers by this program: it is called with the worker's number and the command, which it must become (exec); where it sets STREAMSCOPE_LISTEN_HOST, that is the worker's --listen-host", "none", func(r *Raw) **string { return &r.WorkerLauncher }},
		{"tasks", "N", "tasks of every keyed stage", "2 x cores, at least 2 for each worker, as many for all of them", func(r *Raw) **string { return &r.Tasks }},
		{"tick", "TICK", "how sources cut their input into ticks: a time (5ms) or bytes (bytes:1MiB)", "bytes:1MiB; 5ms with --rate", func(r *Raw) **string { return &r.Tick }},
		{"segment-bytes", "SIZE", "size of the segments that ring logs are made of", DefaultSegment.String(), func(r *Raw) **string { return &r.Segment }},
		{"frame-bytes", "SIZE", "greatest size of a frame; a row that is larger is an error", DefaultFrame.String(), func(r *Raw) **string { return &r.Frame }},
		{"credit-bytes", "SIZE", "bytes that may be on the way ahead of the oldest open tick, per edge and pair of processes", DefaultCredit.String(), func(r *Raw) **string { return &r.Credit }},
		{"links", "MODE", "how rows get from one worker to another: tcp, auto (through shared memory where that can be had), or shm (an error where it can not)", "tcp", func(r *Raw) **string { return &r.Links }},
		{"arena", "SIZE", "greatest memory for ring logs, per process; it grows on demand", DefaultArena.String(), func(r *Raw) **string { return &r.Arena }},
		{"spill-dir", "DIR", "where logs go that do not fit the arena, or none", "the system's folder for temporary files; with --data-dir its folder spill", func(r *Raw) **string { return &r.Spill }},
		{"lateness", "TIME", "how far a row's time may lie behind the latest of the earlier rows of its file", "0s", func(r *Raw) **string { return &r.Lateness }},
		{"rate", "EVENTS/S", "pace of all sources together", "as fast as possible", func(r *Raw) **string { return &r.Rate }},
		{"data-dir", "DIR", "survive the loss of workers, and go on from this directory when the run is repeated after the loss of everything", "none: a lost worker ends the run", func(r *Raw) **string { return &r.DataDir }},
		{"snapshot-store", "WHERE", "keep images of the state instead of in the --data-dir: in a bucket, s3://BUCKET/PREFIX (the AWS_ variables say how to reach it), or in the memory of K other workers, peers(K) (survives the loss of all but one of a worker and its K, not that of all of them or of the machine)", "the --data-dir", func(r *Raw) **string { return &r.SnapshotStore }},
		{"snapshot-interval", "TIME", "time between two images of the state, with --data-dir", DefaultSnapshotInterval.String(), func(r *Raw) **string { return &r.SnapshotInterval }},
		{"report-interval", "TIME", "how often workers tell how far they are, with --data-dir: so often --events has it", DefaultReportInterval.String(), func(r *Raw) **string { return &r.ReportInterval }},
		{"manager-patience", "TIME", "how long worker processes go on without this one, for a repeated command to take them over; 0s: they end with it", DefaultManagerPatience.String() + " with --data-dir", func(r *Raw) **string { return &r.ManagerPatience }},
		{"reliability", "POLICY", "what logs keep for lost workers: off, recompute (what memory holds; the rest is executed again), retain (all that they may ask for), replicate=K (and copies on K other nodes), or persist (and all that an edge carries in the snapshot store, for good: see inspect stream) or persist=TIME (for so long at least)", "retain with --data-dir, else off", func(r *Raw) **string { return &r.Reliability }},
		{"recovery-objective", "TIME", "how soon what one worker, or two at once, had done must be back after their loss: chooses --snapshot-interval, --edge-policy and --stage-strategy where they are not given, from what earlier lives of the --data-dir have measured", "none", func(r *Raw) **string { return &r.Objective }},
		{"source-durability", "WHERE", "where sources write down what they read, before others may rely on it: disk (the --data-dir), peers(K) (the memory of K other workers: survives the loss of all but one of them, not that of the machine), or memory (nowhere; only without --data-dir)", "disk with --data-dir, else memory", func(r *Raw) **string { return &r.SourceDurability }},
		{"stats", "FILE", "write counts and rates of the run to this file, as JSON", "none", func(r *Raw) **string { return &r.Stats }},
		{"events", "FILE", "write what happens to workers to this file as it happens, as lines of JSON", "none", func(r *Raw) **string { return &r.Events }},
		{"log-format", "FORMAT", "messages on standard error: text or json", "text", func(r *Raw) **string { return &r.LogFormat }},
		{"pprof", "ADDR", "serve profiles of this process at this address, such as localhost:6060", "off", func(r *Raw) **string { return &r.Pprof }},
		{"on-bad-row", "POLICY", "what to do with a row that can not be read: fail, skip, or divert=FILE", "fail", func(r *Raw) **string { return &r.OnBadRow }},
	}
}
