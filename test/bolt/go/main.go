// Writes bbolt files for the tests, and says what is in them.
//
//	make <file> <seed> <page size> <operations> <flags>   a random tree; its lines go to <file>.txt, and those of the
//	                                                      commit before the last to <file>.before.txt
//	dump <file>                                           the lines of a file
//	compact <from> <to>                                   bbolt's own way to a file without leaked pages
//	write <file>                                          commits until it is ended
//
// The flag small keeps sequences below 2^53.
//
// A line is "B <depth> <name> <sequence>" or "R <depth> <key> <value>"; names, keys and values are hexadecimal, and of
// a value above 256 bytes it has the length and the SHA-256.
package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand"
	"os"
	"strconv"
	"strings"
	"time"

	bolt "go.etcd.io/bbolt"
)

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
	switch args[0] {
	case "make":
		makeFile(args[1], int64(number(args[2])), number(args[3]), number(args[4]), args[5])
	case "dump":
		dumpFile(args[1], os.Stdout)
	case "compact":
		compactFile(args[1], args[2])
	case "write":
		writeOn(args[1])
	}
}

// dump

func dumpFile(path string, to io.Writer) {
	db, err := bolt.Open(path, 0600, &bolt.Options{ReadOnly: true, Timeout: time.Second})
	must(err)
	defer db.Close()
	dumpDB(db, to)
}

func dumpTo(db *bolt.DB, path string) {
	file, err := os.Create(path)
	must(err)
	dumpDB(db, file)
	must(file.Close())
}

func dumpDB(db *bolt.DB, to io.Writer) {
	out := bufio.NewWriter(to)
	must(db.View(func(tx *bolt.Tx) error {
		return tx.ForEach(func(name []byte, b *bolt.Bucket) error { return dumpBucket(out, name, b, 0) })
	}))
	must(out.Flush())
}

func dumpBucket(out *bufio.Writer, name []byte, b *bolt.Bucket, depth int) error {
	fmt.Fprintf(out, "B %d %x %d\n", depth, name, b.Sequence())
	return b.ForEach(func(k, v []byte) error {
		if v == nil {
			return dumpBucket(out, k, b.Bucket(k), depth+1)
		}
		value := hex.EncodeToString(v)
		if len(v) > 256 {
			value = fmt.Sprintf("%d:%x", len(v), sha256.Sum256(v))
		}
		_, err := fmt.Fprintf(out, "R %d %x %s\n", depth+1, k, value)
		return err
	})
}

// make

type maker struct {
	random  *rand.Rand
	page    int
	flags   string
	buckets [][][]byte
	counter int
}

func (m *maker) has(flag string) bool { return strings.Contains(m.flags, flag) }

func makeFile(path string, seed int64, page, operations int, flags string) {
	m := &maker{random: rand.New(rand.NewSource(seed)), page: page, flags: flags}
	options := &bolt.Options{PageSize: page, NoSync: true, NoFreelistSync: m.has("nofreelist")}
	if m.has("map") {
		options.FreelistType = bolt.FreelistMapType
	}
	work := path
	if m.has("copy") {
		work = path + ".work"
	}
	os.Remove(work)
	db, err := bolt.Open(work, 0600, options)
	must(err)
	for done := 0; done < operations; {
		count := 1 + m.random.Intn(operations/4+1)
		if count > 5000 {
			count = 5000
		}
		done += count
		if done >= operations {
			dumpTo(db, path+".before.txt")
		}
		must(db.Update(func(tx *bolt.Tx) error {
			for i := 0; i < count; i++ {
				m.operation(tx)
			}
			if done >= operations && m.has("shrink") {
				m.shrink(tx)
			}
			return nil
		}))
	}
	if m.has("copy") {
		dumpTo(db, path+".before.txt")
		must(db.View(func(tx *bolt.Tx) error { return tx.CopyFile(path, 0600) }))
	}
	must(db.Close())
	if m.has("copy") {
		must(os.Remove(work))
	}
	check(path)
	text, err := os.Create(path + ".txt")
	must(err)
	dumpFile(path, text)
	must(text.Close())
}

// check stops where bbolt itself finds fault with the file. Pages that it leaked itself, when it deleted buckets, are none;
// their number is printed.
func check(path string) {
	db, err := bolt.Open(path, 0600, &bolt.Options{ReadOnly: true})
	must(err)
	defer db.Close()
	must(db.View(func(tx *bolt.Tx) error {
		var first error
		lost := 0
		for err := range tx.Check() {
			if strings.HasSuffix(err.Error(), "unreachable unfreed") {
				lost++
			} else if first == nil {
				first = err
			}
		}
		fmt.Println(lost)
		return first
	}))
}

func open(tx *bolt.Tx, path [][]byte) *bolt.Bucket {
	b := tx.Bucket(path[0])
	for _, name := range path[1:] {
		if b == nil {
			return nil
		}
		b = b.Bucket(name)
	}
	return b
}

func (m *maker) operation(tx *bolt.Tx) {
	r := m.random
	if len(m.buckets) == 0 || r.Intn(150) == 0 && !m.has("dense") {
		m.createTop(tx)
		return
	}
	at := r.Intn(len(m.buckets))
	path := m.buckets[at]
	// Most work goes to a few buckets, so that trees get high.
	if r.Intn(3) > 0 {
		path = m.buckets[r.Intn(1+at/4)]
	}
	b := open(tx, path)
	if b == nil {
		return
	}
	b.FillPercent = 0.3 + 0.6*r.Float64()
	switch n := r.Intn(1000); {
	case n >= 2 && m.has("dense"):
		must(b.Put([]byte(fmt.Sprintf("row-%016x", r.Uint64())), m.bytes(r.Intn(200))))
	case n < 25 && len(path) < 7:
		name := m.key()
		if _, err := b.CreateBucket(name); err == nil {
			m.buckets = append(m.buckets, append(append([][]byte{}, path...), name))
		}
	case n < 29:
		m.deleteBucket(tx, path)
	case n < 50:
		if r.Intn(4) == 0 {
			sequence := r.Uint64()
			if m.has("small") {
				sequence >>= 11
			}
			must(b.SetSequence(sequence))
		} else {
			_, err := b.NextSequence()
			must(err)
		}
	case n < 200:
		m.deleteSome(b)
	default:
		err := b.Put(m.key(), m.value())
		if err != nil && err != bolt.ErrIncompatibleValue {
			must(err)
		}
	}
}

func (m *maker) createTop(tx *bolt.Tx) {
	name := m.key()
	if _, err := tx.CreateBucket(name); err == nil {
		m.buckets = append(m.buckets, [][]byte{name})
	}
}

func (m *maker) deleteBucket(tx *bolt.Tx, path [][]byte) {
	name := path[len(path)-1]
	if len(path) == 1 {
		if m.random.Intn(4) > 0 {
			return
		}
		must(tx.DeleteBucket(name))
	} else {
		must(open(tx, path[:len(path)-1]).DeleteBucket(name))
	}
	kept := m.buckets[:0]
	for _, other := range m.buckets {
		within := len(other) >= len(path)
		for i := 0; within && i < len(path); i++ {
			within = bytes.Equal(other[i], path[i])
		}
		if !within {
			kept = append(kept, other)
		}
	}
	m.buckets = kept
}

// deleteSome deletes a few rows in a line, as often all of a leaf as one alone.
func (m *maker) deleteSome(b *bolt.Bucket) {
	var keys [][]byte
	c := b.Cursor()
	count := 1 + m.random.Intn(12)
	for k, v := c.Seek(m.key()); k != nil && len(keys) < count; k, v = c.Next() {
		if v != nil {
			keys = append(keys, append([]byte{}, k...))
		}
	}
	for _, key := range keys {
		must(b.Delete(key))
	}
}

// shrink deletes nearly all rows of every bucket: many pages come free, and trees lose their height.
func (m *maker) shrink(tx *bolt.Tx) {
	for _, path := range m.buckets {
		b := open(tx, path)
		var keys [][]byte
		must(b.ForEach(func(k, v []byte) error {
			if v != nil && m.random.Intn(20) > 0 {
				keys = append(keys, append([]byte{}, k...))
			}
			return nil
		}))
		for _, key := range keys {
			must(b.Delete(key))
		}
	}
}

func (m *maker) bytes(length int) []byte {
	data := make([]byte, length)
	m.random.Read(data)
	return data
}

func (m *maker) key() []byte {
	r := m.random
	switch n := r.Intn(100); {
	case n < 40:
		m.counter++
		return []byte(fmt.Sprintf("row-%08d", m.counter))
	case n < 90:
		return m.bytes(1 + r.Intn(24))
	case n < 98 || m.has("short"):
		return []byte(strconv.Itoa(r.Intn(2000)))
	default:
		length := 1 + r.Intn(m.page*2)
		if length > bolt.MaxKeySize {
			length = bolt.MaxKeySize
		}
		return m.bytes(length)
	}
}

func (m *maker) value() []byte {
	r := m.random
	limit := 10
	if m.has("large") {
		limit = 40
	}
	switch n := r.Intn(1000); {
	case n < 60:
		return []byte{}
	case n < 90:
		// Ends in zeros, as the rest of a page does.
		return make([]byte, r.Intn(40))
	case n < 800:
		return m.bytes(r.Intn(120))
	case n < 1000-limit:
		return m.bytes(r.Intn(600))
	default:
		if m.has("large") {
			return m.bytes(r.Intn(300000))
		}
		return m.bytes(r.Intn(m.page * 5))
	}
}

// compact

func compactFile(from, to string) {
	source, err := bolt.Open(from, 0600, &bolt.Options{ReadOnly: true})
	must(err)
	target, err := bolt.Open(to, 0600, &bolt.Options{NoSync: true})
	must(err)
	must(bolt.Compact(target, source, 65536))
	must(target.Close())
	must(source.Close())
}

// write

func writeOn(path string) {
	db, err := bolt.Open(path, 0600, &bolt.Options{NoSync: true})
	must(err)
	fmt.Println("open")
	for i := 0; ; i++ {
		must(db.Update(func(tx *bolt.Tx) error {
			b, err := tx.CreateBucketIfNotExists([]byte("written"))
			must(err)
			return b.Put([]byte(strconv.Itoa(i%500)), make([]byte, 100+i%900))
		}))
		time.Sleep(4 * time.Millisecond)
	}
}
