// Package bench measures how fast this machine runs and trains networks of the paper's size: the ceiling of its
// arithmetic, how near each kernel comes to it, and the time and memory of whole passes. Printing is its callers'.
//
// Times are medians of repeated runs after a warm-up. A row's memory is the peak of the process that measures it, so
// each row wants a process of its own.
package bench

// Report is everything that was measured, in the form of fdht bench --json.
type Report struct {
	Machine Machine  `json:"machine"`
	Peak    float64  `json:"peak_gflops"` // multiply-adds on registers, one core
	Kernels []Kernel `json:"kernels"`
	Rows    []Row    `json:"rows"`
}

// Machine says what the numbers were measured on.
type Machine struct {
	CPU   string `json:"cpu"`
	Cores int    `json:"cores"` // that this process may use
	Go    string `json:"go"`
	OS    string `json:"os"`
	Arch  string `json:"arch"`
	Path  string `json:"path"` // of the kernels: avx512, avx2, neon, scalar
}

// Kernel is the rate of one product on one core, its operands in cache. M, K and N are the sizes of Shape.
type Kernel struct {
	Op     Op      `json:"op"`
	M      int     `json:"m"`
	K      int     `json:"k"`
	N      int     `json:"n"`
	Path   string  `json:"path"`
	GFLOPS float64 `json:"gflops"`
}

// Row is the time of one pass of one network.
type Row struct {
	Name    string  `json:"name"`
	Pass    Pass    `json:"op"`
	Workers int     `json:"workers"`
	Millis  float64 `json:"ms"`
	RSS     float64 `json:"rss_mib"` // peak resident memory of the measuring process; 0 where the system does not tell
}

// Measured is what the process of one row reports.
type Measured struct {
	Millis float64 `json:"ms"`
	RSS    float64 `json:"rss_mib"`
}
