// The process that runs bbolt, as worker.ts runs the subjects that live in Node: it is told what to do line by line, and
// takes all times itself.
package main

import (
	"bufio"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"time"
)

type Task struct {
	Subject   string     `json:"subject"`
	About     string     `json:"about"`
	Directory string     `json:"directory"`
	Rows      int        `json:"rows"`
	Load      bool       `json:"load"`
	Operation *Operation `json:"operation"`
}

type Command struct {
	Do    string `json:"do"`
	First int    `json:"first"`
	Turns int    `json:"turns"`
	Turn  int    `json:"turn"`
}

type Memory struct {
	Resident  float64 `json:"resident"`
	Anonymous float64 `json:"anonymous"`
}

const rowsPerLoad = 10_000

var output = json.NewEncoder(os.Stdout)

func main() {
	if os.Args[1] == "version" {
		info, _ := debug.ReadBuildInfo()
		fmt.Println(info.GoVersion)
		return
	}
	var task Task
	check(json.Unmarshal([]byte(os.Args[1]), &task))
	before := memory()
	path := filepath.Join(task.Directory, "data.db")
	loadMs := 0.0
	if task.Load {
		loadMs = load(path, &task)
	}
	begin := time.Now()
	store := openStore(path, true)
	store.covering = task.Subject == "bboltCovering"
	var trial Trial
	if task.Operation == nil {
		next[Sample](store, placeOf(0), 1)
	}
	openMs := since(begin)
	if task.Operation != nil {
		trial = makeTrial(store, &task)
	}
	say(map[string]float64{"loadMs": loadMs, "openMs": openMs})

	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var command Command
		check(json.Unmarshal(lines.Bytes(), &command))
		say(obey(store, &task, trial, before, &command))
	}
}

func obey(s *Store, task *Task, trial Trial, before Memory, command *Command) any {
	switch command.Do {
	case "measure":
		return measure(s, task, trial, command.First, command.Turns)
	case "check":
		return digest(trial.check(command.Turn))
	case "age":
		first := task.Rows
		if first > samplesPerTenant {
			first = samplesPerTenant
		}
		s.deleteBefore(placeOf(first / 2))
	case "settle": // bbolt has nothing to do: it uses its free pages again.
	case "memory":
		now := memory()
		return Memory{now.Resident - before.Resident, now.Anonymous - before.Anonymous}
	case "close":
		s.close()
	}
	return true
}

func measure(s *Store, task *Task, trial Trial, first, turns int) [][]float64 {
	if task.Operation.Kind == "mixed" {
		times := [][]float64{{}, {}}
		for turn := first; turn < first+turns; turn++ {
			reads, writes := mixed(s, task.Operation, turn, task.Rows)
			times[0], times[1] = append(times[0], reads...), append(times[1], writes...)
		}
		return times
	}
	times := make([]float64, turns)
	for i := range times {
		run := trial.run(first + i)
		begin := time.Now()
		run()
		times[i] = since(begin)
	}
	return [][]float64{times}
}

// load adds all rows without waiting for the disk, and tells the milliseconds that it took.
func load(path string, task *Task) float64 {
	store := openStore(path, false)
	store.covering = task.Subject == "bboltCovering"
	defer store.close()
	elapsed := 0.0
	for first := 0; first < task.Rows; first += rowsPerLoad {
		count := task.Rows - first
		if count > rowsPerLoad {
			count = rowsPerLoad
		}
		if task.About == "readings" {
			readings := readingsOf(first, count)
			begin := time.Now()
			store.write(readings)
			elapsed += since(begin)
			continue
		}
		samples, places := make([]Sample, count), make([]Place, count)
		for i := range samples {
			samples[i], places[i] = sampleOf(first+i), placeOf(first+i)
		}
		begin := time.Now()
		store.loadSamples(samples, places)
		elapsed += since(begin)
	}
	return elapsed
}

func digest(rows []any) string {
	hash := sha256.New()
	for _, row := range rows {
		text, err := json.Marshal(row)
		check(err)
		hash.Write(append(text, '\n'))
	}
	return fmt.Sprintf("%d rows, %x", len(rows), hash.Sum(nil))
}

// memory gives what this process takes in MiB, and how much of that is not of mapped files.
func memory() Memory {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return Memory{}
	}
	figure := func(name string) float64 {
		for _, line := range strings.Split(string(status), "\n") {
			if fields := strings.Fields(line); len(fields) > 1 && fields[0] == name {
				kilobytes, _ := strconv.ParseFloat(fields[1], 64)
				return kilobytes / 1024
			}
		}
		return 0
	}
	return Memory{figure("VmRSS:"), figure("RssAnon:")}
}

func say(answer any) {
	check(output.Encode(answer))
}

func must[T any](value T, err error) T {
	check(err)
	return value
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
