package webapi

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"time"
)

// metric is one of the process, with the name that other programs' monitors know.
type metric struct {
	family string
	kind   string // OpenMetrics type: gauge, counter or info
	help   string
	labels string // with braces, or ""
	value  float64
}

// processMetrics are what client libraries of Prometheus show of a process.
// Those that /proc does not give are left out.
func processMetrics(uptime time.Duration) []metric {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	list := []metric{
		{"process_cpu_seconds", "counter", "Total user and system CPU time spent in seconds.", "", cpuTime().Seconds()},
		// From the clock as it is now: a board without one starts in 1970.
		{"process_start_time_seconds", "gauge", "Start time of the process since unix epoch in seconds.", "", float64(time.Now().Add(-uptime).UnixMilli()) / 1000},
		{"go_goroutines", "gauge", "Number of goroutines that currently exist.", "", float64(runtime.NumGoroutine())},
		{"go", "info", "Information about the Go environment.", fmt.Sprintf("{version=%q}", runtime.Version()), 1},
		{"go_memstats_alloc_bytes", "gauge", "Number of bytes allocated in heap and currently in use.", "", float64(m.Alloc)},
		{"go_memstats_heap_alloc_bytes", "gauge", "Number of heap bytes allocated and currently in use.", "", float64(m.HeapAlloc)},
		{"go_memstats_heap_idle_bytes", "gauge", "Number of heap bytes waiting to be used.", "", float64(m.HeapIdle)},
		{"go_memstats_heap_inuse_bytes", "gauge", "Number of heap bytes that are in use.", "", float64(m.HeapInuse)},
		{"go_memstats_heap_objects", "gauge", "Number of currently allocated objects.", "", float64(m.HeapObjects)},
		{"go_memstats_heap_released_bytes", "gauge", "Number of heap bytes released to OS.", "", float64(m.HeapReleased)},
		{"go_memstats_heap_sys_bytes", "gauge", "Number of heap bytes obtained from system.", "", float64(m.HeapSys)},
		{"go_memstats_last_gc_time_seconds", "gauge", "Number of seconds since 1970 of last garbage collection.", "", float64(m.LastGC) / 1e9},
		{"go_memstats_mallocs", "counter", "Total number of heap objects allocated.", "", float64(m.Mallocs)},
		{"go_memstats_next_gc_bytes", "gauge", "Number of heap bytes when next garbage collection will take place.", "", float64(m.NextGC)},
		{"go_memstats_stack_inuse_bytes", "gauge", "Number of bytes in use by the stack allocator.", "", float64(m.StackInuse)},
		{"go_memstats_sys_bytes", "gauge", "Number of bytes obtained from system.", "", float64(m.Sys)},
	}
	return append(list, procMetrics()...)
}

// procMetrics reads /proc/self.
func procMetrics() (list []metric) {
	if virtual, resident, ok := memory(); ok {
		list = append(list,
			metric{"process_resident_memory_bytes", "gauge", "Resident memory size in bytes.", "", float64(resident)},
			metric{"process_virtual_memory_bytes", "gauge", "Virtual memory size in bytes.", "", float64(virtual)})
	}
	if names, err := os.ReadDir("/proc/self/fd"); err == nil {
		// One is the directory itself.
		list = append(list, metric{"process_open_fds", "gauge", "Number of open file descriptors.", "", float64(len(names) - 1)})
	}
	return list
}

// memory reads /proc/self/statm: sizes in pages.
func memory() (virtual, resident int64, ok bool) {
	text, err := os.ReadFile("/proc/self/statm")
	fields := bytes.Fields(text)
	if err != nil || len(fields) < 2 {
		return 0, 0, false
	}
	var pages [2]int64
	for i := range pages {
		if pages[i], err = strconv.ParseInt(string(fields[i]), 10, 64); err != nil {
			return 0, 0, false
		}
	}
	size := int64(os.Getpagesize())
	return pages[0] * size, pages[1] * size, true
}
