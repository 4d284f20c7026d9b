package main

// Makes operations runnable, as trials.ts does: the turn's number decides the input, which is made before the clock starts.

import (
	"sync"
	"time"
)

// maxProbes is how many of the readings that a turn wrote are looked up one by one.
const maxProbes = 100

type Operation struct {
	Kind     string `json:"kind"`
	Rows     int    `json:"rows"`
	Together int    `json:"together"`
	Gets     int    `json:"gets"`
	Among    int    `json:"among"`
	Writers  int    `json:"writers"`
	Readers  int    `json:"readers"`
	Each     int    `json:"each"`
}

// Trial runs turns: run gives what is timed, check the rows that the turn gives or has left.
type Trial struct {
	run   func(turn int) func()
	check func(turn int) []any
}

func makeTrial(s *Store, task *Task) Trial {
	if task.About == "readings" {
		return readingTrial(s, task.Operation, task.Rows)
	}
	if task.Subject == "bboltStructs" {
		return sampleTrial[FixedSample](s, task.Operation, task.Rows)
	}
	return sampleTrial[Sample](s, task.Operation, task.Rows)
}

func sampleTrial[S any](s *Store, op *Operation, stored int) Trial {
	switch op.Kind {
	case "next":
		if op.Together == 1 {
			return reading(func(turn int) func() []S {
				from := placeOf(startOf(turn, op.Rows, stored))
				return func() []S { return next[S](s, from, op.Rows) }
			})
		}
		return reading(func(turn int) func() []S { return together[S](s, op, turn, stored) })
	case "window":
		return reading(func(turn int) func() []S {
			first := startOf(turn, op.Rows, stored)
			from, to := placeOf(first), placeOf(first+op.Rows-1).at+1
			return func() []S { return window[S](s, from, to) }
		})
	case "latest":
		return reading(func(turn int) func() []S {
			last := placeOf(startOf(turn, op.Rows, stored) + op.Rows - 1)
			return func() []S { return latest[S](s, Place{last.tenantID, last.at + 1}, op.Rows) }
		})
	case "oldest":
		return reading(func(int) func() []S {
			return func() []S { return next[S](s, Place{placeOf(0).tenantID, 0}, op.Rows) }
		})
	case "gets", "getMany", "views":
		return reading(func(turn int) func() []S { return getting[S](s, op, turn, stored) })
	}
	panic(op.Kind + " is nothing to do with samples")
}

func readingTrial(s *Store, op *Operation, stored int) Trial {
	switch op.Kind {
	case "list":
		return reading(func(turn int) func() []Reading {
			tenantID := tenantAt(turn, stored)
			return func() []Reading { return s.list(tenantID) }
		})
	case "by-node":
		return reading(func(turn int) func() []Reading {
			from := readingOf(nodeStartOf(turn, op.Rows, stored))
			return func() []Reading { return s.byNode(from.Node, from.At, op.Rows) }
		})
	case "writes":
		s.many = op.Writers > 1
		return writing(s, op, stored)
	case "mixed":
		s.many = true
		return Trial{check: func(turn int) []any { return checkMixed(s, op, turn, stored) }}
	}
	panic(op.Kind + " is nothing to do with readings")
}

// reading makes a trial of what gives rows.
func reading[Row any](prepare func(turn int) func() []Row) Trial {
	return Trial{
		run: func(turn int) func() {
			read := prepare(turn)
			return func() { read() }
		},
		check: func(turn int) []any { return rowsOf(prepare(turn)()) },
	}
}

func together[S any](s *Store, op *Operation, turn, stored int) func() []S {
	from := make([]Place, op.Together)
	for i := range from {
		from[i] = placeOf(startOf(turn*op.Together+i, op.Rows, stored))
	}
	return func() []S {
		found := make([][]S, len(from))
		concurrently(len(from), func(i int) { found[i] = next[S](s, from[i], op.Rows) })
		all := []S{}
		for _, each := range found {
			all = append(all, each...)
		}
		return all
	}
}

func getting[S any](s *Store, op *Operation, turn, stored int) func() []S {
	span := stored
	if op.Kind == "gets" && op.Among > 0 && op.Among < stored {
		span = op.Among
	}
	places := make([]Place, op.Gets)
	for i := range places {
		places[i] = placeOf(pick(turn*op.Gets+i, span))
	}
	if op.Kind != "views" {
		return func() []S { return gets[S](s, places) }
	}
	return func() []S {
		found := []S{}
		for i := range places {
			found = append(found, gets[S](s, places[i:i+1])...)
		}
		return found
	}
}

func writing(s *Store, op *Operation, stored int) Trial {
	commits := op.Writers * op.Each
	first := func(turn int) int { return stored + turn*commits*op.Rows }
	return Trial{
		run: func(turn int) func() {
			inputs := make([][]Reading, commits)
			for i := range inputs {
				inputs[i] = readingsOf(first(turn)+i*op.Rows, op.Rows)
			}
			return func() {
				concurrently(op.Writers, func(writer int) {
					for i := writer; i < commits; i += op.Writers {
						s.write(inputs[i])
					}
				})
			}
		},
		check: func(turn int) []any { return readBack(s, readingsOf(first(turn), commits*op.Rows)) },
	}
}

// mixed runs a turn of requests that come in at once, and gives the latencies of reads and of writes in milliseconds.
func mixed(s *Store, op *Operation, turn, stored int) (reads, writes []float64) {
	from := mixedStarts(op, turn, stored)
	news := readingsOf(stored+turn*op.Writers, op.Writers)
	reads, writes = make([]float64, op.Readers), make([]float64, op.Writers)
	begin := time.Now()
	concurrently(op.Readers+op.Writers, func(i int) {
		if i < op.Readers {
			s.byNode(from[i].Node, from[i].At, op.Rows)
			reads[i] = since(begin)
		} else {
			s.write(news[i-op.Readers : i-op.Readers+1])
			writes[i-op.Readers] = since(begin)
		}
	})
	return reads, writes
}

func mixedStarts(op *Operation, turn, stored int) []Reading {
	from := make([]Reading, op.Readers)
	for i := range from {
		from[i] = readingOf(nodeStartOf(turn*op.Readers+i, op.Rows, stored))
	}
	return from
}

func checkMixed(s *Store, op *Operation, turn, stored int) []any {
	found := []any{}
	for _, from := range mixedStarts(op, turn, stored) {
		found = append(found, rowsOf(s.byNode(from.Node, from.At, op.Rows))...)
	}
	return append(found, readBack(s, readingsOf(stored+turn*op.Writers, op.Writers))...)
}

// readBack gives what was written: some of it by its key and by both indexes, and all of its tenants.
func readBack(s *Store, written []Reading) []any {
	found := []any{}
	step := (len(written) + maxProbes - 1) / maxProbes
	for i := 0; i < len(written); i += step {
		r := written[i]
		found = append(append(found, s.reading(r.TenantID, r.ID)), rowsOf(s.byNode(r.Node, r.At, 1))...)
	}
	found = append(found, rowsOf(s.byStatus(written[0].TenantID, written[0].Status))...)
	tenantID := ""
	for _, r := range written {
		if r.TenantID != tenantID {
			tenantID = r.TenantID
			found = append(found, rowsOf(s.list(tenantID))...)
		}
	}
	return found
}

func readingsOf(first, count int) []Reading {
	readings := make([]Reading, count)
	for i := range readings {
		readings[i] = readingOf(first + i)
	}
	return readings
}

func concurrently(count int, run func(i int)) {
	if count == 1 {
		run(0)
		return
	}
	var group sync.WaitGroup
	for i := 0; i < count; i++ {
		group.Add(1)
		go func(i int) {
			defer group.Done()
			run(i)
		}(i)
	}
	group.Wait()
}

func rowsOf[Row any](rows []Row) []any {
	all := make([]any, len(rows))
	for i, row := range rows {
		all[i] = row
	}
	return all
}

func since(begin time.Time) float64 {
	return float64(time.Since(begin)) / float64(time.Millisecond)
}
