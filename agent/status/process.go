package status

import (
	"bytes"
	"math"
	"os"
	"runtime"
	"runtime/metrics"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// The names are those of Prometheus's own client libraries, so that dashboards for Go programs and for processes work as they are.
var (
	descGoInfo     = newDesc("go_info", "Information about the Go environment.", "version")
	descGoroutines = newDesc("go_goroutines", "Number of goroutines that currently exist.")
	descGOGC       = newDesc("go_gc_gogc_percent", "Heap size target percentage.")
	descGoLimit    = newDesc("go_gc_gomemlimit_bytes", "Go runtime memory limit.")
	descHeap       = newDesc("go_memstats_heap_alloc_bytes", "Heap bytes allocated and still in use.")
	descGoMemory   = newDesc("go_memstats_sys_bytes", "Bytes obtained from the system.")
	descAllocated  = newDesc("go_memstats_alloc_bytes_total", "Bytes allocated in the heap, also if already freed.")
	descCycles     = newDesc("go_gc_cycles_total", "Completed garbage collections.")

	descCPU      = newDesc("process_cpu_seconds_total", "User and system CPU time spent, in seconds.")
	descResident = newDesc("process_resident_memory_bytes", "Resident memory size in bytes.")
	descVirtual  = newDesc("process_virtual_memory_bytes", "Virtual memory size in bytes.")
	descOpen     = newDesc("process_open_fds", "Number of open file descriptors.")
	descMaxOpen  = newDesc("process_max_fds", "Maximum number of open file descriptors.")
	descStart    = newDesc("process_start_time_seconds", "Start time of the process since the epoch, in seconds.")
)

// processStart is when this package was initialised: milliseconds after the process began.
var processStart = time.Now()

// collectProcess says what the process takes. What the system does not tell is left out.
func collectProcess(e *exposition) {
	e.add(descGoInfo, 1, runtime.Version())
	collectRuntime(e)
	var used unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &used) == nil {
		e.add(descCPU, float64(used.Utime.Nano()+used.Stime.Nano())/1e9)
	}
	if resident, virtual, ok := memory(); ok {
		e.add(descResident, resident)
		e.add(descVirtual, virtual)
	}
	if open, err := os.ReadDir("/proc/self/fd"); err == nil {
		e.add(descOpen, float64(len(open)-1)) // one is the directory itself
	}
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) == nil {
		e.add(descMaxOpen, float64(limit.Cur))
	}
	e.add(descStart, float64(processStart.UnixMilli())/1e3)
}

// collectRuntime reads the runtime's counters, without stopping the world as runtime.ReadMemStats does.
func collectRuntime(e *exposition) {
	all := []struct {
		*desc
		name string
	}{
		{descGoroutines, "/sched/goroutines:goroutines"},
		{descGOGC, "/gc/gogc:percent"},
		{descGoLimit, "/gc/gomemlimit:bytes"},
		{descHeap, "/memory/classes/heap/objects:bytes"},
		{descGoMemory, "/memory/classes/total:bytes"},
		{descAllocated, "/gc/heap/allocs:bytes"},
		{descCycles, "/gc/cycles/total:gc-cycles"},
	}
	samples := make([]metrics.Sample, len(all))
	for i := range all {
		samples[i].Name = all[i].name
	}
	metrics.Read(samples)
	for i, s := range samples {
		if s.Value.Kind() == metrics.KindUint64 {
			e.add(all[i].desc, float64(s.Value.Uint64()))
		}
	}
}

// memory is what /proc/self/statm says, in bytes.
func memory() (resident, virtual float64, ok bool) {
	text, err := os.ReadFile("/proc/self/statm")
	fields := bytes.Fields(text)
	if err != nil || len(fields) < 2 {
		return 0, 0, false
	}
	number := func(b []byte) float64 {
		n, err := strconv.ParseInt(string(b), 10, 64)
		if err != nil {
			return math.NaN()
		}
		return float64(n * int64(os.Getpagesize()))
	}
	resident, virtual = number(fields[1]), number(fields[0])
	return resident, virtual, !math.IsNaN(resident + virtual)
}
