package main

// The rows that every subject has, as rows.ts makes them: what is read is compared with what the others read.

import (
	"fmt"
	"time"
)

type Metrics struct {
	CPU    float64 `json:"cpu"`
	Load   float64 `json:"load"`
	Memory float64 `json:"memory"`
}

type SampleLabels struct {
	Node   string `json:"node"`
	Region string `json:"region"`
}

type SampleOf[M, L any] struct {
	ID          string `json:"id"`
	TenantID    string `json:"tenantId"`
	Timestamp   string `json:"timestamp"`
	Granularity string `json:"granularity"`
	Metrics     M      `json:"metrics"`
	Labels      L      `json:"labels"`
}

// Sample is what a program reads that knows neither the metrics nor the labels that there are.
type Sample = SampleOf[map[string]float64, map[string]string]

// FixedSample is what a program reads that has a field for each.
type FixedSample = SampleOf[Metrics, SampleLabels]

type Place struct {
	tenantID string
	at       int64
}

type ReadingLabels struct {
	Rack   string `json:"rack"`
	Region string `json:"region"`
	Zone   string `json:"zone"`
}

type Reading struct {
	TenantID string        `json:"tenantId"`
	ID       string        `json:"id"`
	Node     string        `json:"node"`
	Status   string        `json:"status"`
	At       int64         `json:"at"`
	Labels   ReadingLabels `json:"labels"`
	CPU      float64       `json:"cpu"`
	Load     float64       `json:"load"`
	Memory   float64       `json:"memory"`
	Requests int           `json:"requests"`
}

const (
	samplesPerTenant  = 100_000
	readingsPerTenant = 1000
	nodes             = 40
)

var (
	start    = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
	statuses = []string{"ok", "degraded", "down"}
)

func sampleOf(number int) Sample {
	place := placeOf(number)
	return Sample{
		ID:          fmt.Sprintf("m-%07d", number),
		TenantID:    place.tenantID,
		Timestamp:   time.UnixMilli(place.at).UTC().Format("2006-01-02T15:04:05.000Z"),
		Granularity: "minute",
		Metrics: map[string]float64{
			"cpu": fraction(number, 7919), "load": float64(number%400) / 100, "memory": fraction(number, 104_729),
		},
		Labels: map[string]string{"node": fmt.Sprintf("node-%d", number%nodes), "region": "eu"},
	}
}

func placeOf(number int) Place {
	return Place{tenantOf(number, samplesPerTenant), start + int64(number%samplesPerTenant)*60_000}
}

func readingOf(number int) Reading {
	return Reading{
		TenantID: tenantOf(number, readingsPerTenant),
		ID:       fmt.Sprintf("r-%07d", number),
		Node:     fmt.Sprintf("node-%02d", number%nodes),
		Status:   statuses[pick(number, 100)/45],
		At:       start + int64(number)*1000,
		Labels: ReadingLabels{
			fmt.Sprintf("rack-%d", number%12), "eu-central", fmt.Sprintf("eu-central-%d", number%3),
		},
		CPU:      fraction(number, 7919),
		Load:     float64(number%400) / 100,
		Memory:   fraction(number, 104_729),
		Requests: number * 31 % 50_000,
	}
}

// startOf gives the first of so many samples of one tenant.
func startOf(turn, rows, stored int) int {
	first := pick(turn, stored-rows+1)
	last := first/samplesPerTenant*samplesPerTenant + samplesPerTenant - rows
	if first < last {
		return first
	}
	return last
}

// nodeStartOf gives the first of so many readings of one node.
func nodeStartOf(turn, rows, stored int) int {
	return pick(turn, stored/nodes-rows+1)*nodes + turn%nodes
}

func tenantAt(turn, stored int) string {
	return tenantOf(pick(turn, stored/readingsPerTenant), 1)
}

// pick gives a number below span that looks random, the same as JavaScript's.
func pick(turn, span int) int {
	bits := uint32(turn + 1)
	bits = (bits ^ bits>>16) * 0x85ebca6b
	bits = (bits ^ bits>>13) * 0xc2b2ae35
	return int(float64(bits^bits>>16) / (1 << 32) * float64(span))
}

func tenantOf(number, perTenant int) string {
	return fmt.Sprintf("tenant-%04d", number/perTenant)
}

func fraction(number, factor int) float64 {
	return float64(number*factor%10_000) / 10_000
}
