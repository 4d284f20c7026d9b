// Writes files of a Go control plane with bbolt, for the tests of their import.
//
//	make <file> <seed> <page size> <scale> <faults>   random records, some of a thousand faulty; says what it wrote
//	rows <file> <page size>                           what its input says
//
// Both speak JSON lines: { path, key, value } is a row, { path, sequence } a bucket; names, keys and values are in
// base64, an empty value is left out. "fault" names what is wrong with a row, "secret" is what an API key was made of.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math/rand"
	"os"
	"strconv"

	bolt "go.etcd.io/bbolt"
)

type line struct {
	Path     [][]byte `json:"path"`
	Key      []byte   `json:"key,omitempty"`
	Value    []byte   `json:"value,omitempty"`
	Sequence uint64   `json:"sequence,omitempty"`
	Fault    string   `json:"fault,omitempty"`
	Secret   string   `json:"secret,omitempty"`
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func number(text string) int {
	n, err := strconv.Atoi(text)
	must(err)
	return n
}

func main() {
	args := os.Args[1:]
	path, page := args[1], 0
	switch args[0] {
	case "make":
		page = number(args[3])
		m := newMaker(int64(number(args[2])), number(args[4]), number(args[5]))
		m.all()
		write(path, page, m.lines, m.random)
		out := bufio.NewWriter(os.Stdout)
		encoder := json.NewEncoder(out)
		for _, each := range m.lines {
			must(encoder.Encode(each))
		}
		must(out.Flush())
	case "rows":
		page = number(args[2])
		write(path, page, read(), rand.New(rand.NewSource(1)))
	}
}

func read() []line {
	var lines []line
	decoder := json.NewDecoder(bufio.NewReader(os.Stdin))
	for decoder.More() {
		var each line
		must(decoder.Decode(&each))
		lines = append(lines, each)
	}
	return lines
}

// write puts the lines in an order of its own, in commits of several sizes, and deletes rows that no line tells of. The
// file is a copy as a backup is, without the pages that bbolt takes ahead of need.
func write(path string, page int, lines []line, random *rand.Rand) {
	work := path + ".work"
	os.Remove(work)
	db, err := bolt.Open(work, 0600, &bolt.Options{PageSize: page, NoSync: true})
	must(err)
	order := random.Perm(len(lines))
	var waste []line
	for at := 0; at < len(order); {
		end := at + 1 + random.Intn(len(order)/3+1)
		if end > len(order) {
			end = len(order)
		}
		must(db.Update(func(tx *bolt.Tx) error {
			for _, i := range order[at:end] {
				put(tx, lines[i])
			}
			extra := line{Path: lines[order[at]].Path, Key: []byte(fmt.Sprintf("waste-%d", at)), Value: make([]byte, 300)}
			waste = append(waste, extra)
			put(tx, extra)
			return nil
		}))
		at = end
	}
	must(db.Update(func(tx *bolt.Tx) error {
		for _, each := range waste {
			must(open(tx, each.Path).Delete(each.Key))
		}
		return nil
	}))
	must(db.View(func(tx *bolt.Tx) error { return tx.CopyFile(path, 0600) }))
	must(db.Close())
	must(os.Remove(work))
}

func open(tx *bolt.Tx, path [][]byte) *bolt.Bucket {
	b, err := tx.CreateBucketIfNotExists(path[0])
	must(err)
	for _, name := range path[1:] {
		b, err = b.CreateBucketIfNotExists(name)
		must(err)
	}
	return b
}

func put(tx *bolt.Tx, each line) {
	b := open(tx, each.Path)
	if len(each.Key) > 0 {
		must(b.Put(each.Key, each.Value))
	} else if each.Sequence > 0 {
		must(b.SetSequence(each.Sequence))
	}
}
