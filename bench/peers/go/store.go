package main

// Buckets of bbolt with encoding/json, as its documentation has them: keys are texts with a zero byte behind each, and
// numbers in eight bytes; what a transaction reads is decoded within it.

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"time"

	bolt "go.etcd.io/bbolt"
)

type Store struct {
	db *bolt.DB
	// covering tells whether the index over node and time holds the record.
	covering bool
	// many tells whether several goroutines write: Batch is made for them, Update for one.
	many bool
}

var (
	samplesName    = []byte("samples")
	readingsName   = []byte("readings")
	byNodeName     = []byte("by_node")
	byStatusName   = []byte("by_status")
	sequentialFill = 0.9
)

const lockTimeout = 10 * time.Second

func openStore(path string, durable bool) *Store {
	// The defaults, but one that finds the file in use gives up.
	options := *bolt.DefaultOptions
	options.Timeout = lockTimeout
	db := must(bolt.Open(path, 0o600, &options))
	db.NoSync = !durable
	check(db.Update(func(tx *bolt.Tx) error {
		for _, name := range [][]byte{samplesName, readingsName, byNodeName, byStatusName} {
			if _, err := tx.CreateBucketIfNotExists(name); err != nil {
				return err
			}
		}
		return nil
	}))
	return &Store{db: db}
}

func (s *Store) close() {
	check(s.db.Sync())
	check(s.db.Close())
}

// loadSamples adds samples in the order of their keys, for which bbolt wants pages filled.
func (s *Store) loadSamples(samples []Sample, places []Place) {
	check(s.db.Update(func(tx *bolt.Tx) error {
		bucket := tx.Bucket(samplesName)
		bucket.FillPercent = sequentialFill
		for i := range samples {
			value, err := json.Marshal(&samples[i])
			if err != nil {
				return err
			}
			if err := bucket.Put(sampleKey(places[i]), value); err != nil {
				return err
			}
		}
		return nil
	}))
}

func next[S any](s *Store, from Place, limit int) []S {
	return walk(s, from, func(found []S, key []byte) bool { return len(found) < limit })
}

func window[S any](s *Store, from Place, to int64) []S {
	end := sampleKey(Place{from.tenantID, to})
	return walk(s, from, func(_ []S, key []byte) bool { return bytes.Compare(key, end) < 0 })
}

func walk[S any](s *Store, from Place, goesOn func([]S, []byte) bool) []S {
	found := []S{}
	prefix := append([]byte(from.tenantID), 0)
	check(s.db.View(func(tx *bolt.Tx) error {
		cursor := tx.Bucket(samplesName).Cursor()
		key, value := cursor.Seek(sampleKey(from))
		for ; bytes.HasPrefix(key, prefix) && goesOn(found, key); key, value = cursor.Next() {
			found = append(found, *new(S))
			if err := json.Unmarshal(value, &found[len(found)-1]); err != nil {
				return err
			}
		}
		return nil
	}))
	return found
}

func latest[S any](s *Store, before Place, limit int) []S {
	found := []S{}
	prefix := append([]byte(before.tenantID), 0)
	check(s.db.View(func(tx *bolt.Tx) error {
		cursor := tx.Bucket(samplesName).Cursor()
		key, value := cursor.Seek(sampleKey(before))
		if key == nil {
			key, value = cursor.Last()
		} else {
			key, value = cursor.Prev()
		}
		for ; bytes.HasPrefix(key, prefix) && len(found) < limit; key, value = cursor.Prev() {
			found = append(found, *new(S))
			if err := json.Unmarshal(value, &found[len(found)-1]); err != nil {
				return err
			}
		}
		return nil
	}))
	return found
}

// gets reads samples in one transaction.
func gets[S any](s *Store, places []Place) []S {
	found := make([]S, len(places))
	check(s.db.View(func(tx *bolt.Tx) error {
		bucket := tx.Bucket(samplesName)
		for i, place := range places {
			if err := json.Unmarshal(bucket.Get(sampleKey(place)), &found[i]); err != nil {
				return err
			}
		}
		return nil
	}))
	return found
}

func (s *Store) deleteBefore(before Place) {
	prefix := append([]byte(before.tenantID), 0)
	end := sampleKey(before)
	check(s.db.Update(func(tx *bolt.Tx) error {
		bucket := tx.Bucket(samplesName)
		keys := [][]byte{}
		cursor := bucket.Cursor()
		for key, _ := cursor.Seek(prefix); key != nil && bytes.Compare(key, end) < 0; key, _ = cursor.Next() {
			keys = append(keys, key)
		}
		for _, key := range keys {
			if err := bucket.Delete(key); err != nil {
				return err
			}
		}
		return nil
	}))
}

// write adds readings with their index entries in one durable transaction.
func (s *Store) write(readings []Reading) {
	put := func(tx *bolt.Tx) error {
		records, byNode, byStatus := tx.Bucket(readingsName), tx.Bucket(byNodeName), tx.Bucket(byStatusName)
		for i := range readings {
			r := &readings[i]
			value, err := json.Marshal(r)
			if err != nil {
				return err
			}
			if err := records.Put(joined(r.TenantID, r.ID), value); err != nil {
				return err
			}
			included := []byte{}
			if s.covering {
				included = value
			}
			if err := byNode.Put(append(nodeKey(r.Node, r.At), joined(r.TenantID, r.ID)...), included); err != nil {
				return err
			}
			if err := byStatus.Put(joined(r.TenantID, r.Status, r.ID), []byte{}); err != nil {
				return err
			}
		}
		return nil
	}
	if s.many {
		check(s.db.Batch(put))
	} else {
		check(s.db.Update(put))
	}
}

func (s *Store) reading(tenantID, id string) Reading {
	var found Reading
	check(s.db.View(func(tx *bolt.Tx) error {
		return json.Unmarshal(tx.Bucket(readingsName).Get(joined(tenantID, id)), &found)
	}))
	return found
}

func (s *Store) list(tenantID string) []Reading {
	return s.readings(readingsName, joined(tenantID), joined(tenantID), -1,
		func(_, _, value []byte, _ *bolt.Bucket) []byte { return value })
}

func (s *Store) byNode(node string, from int64, limit int) []Reading {
	prefix := joined(node)
	return s.readings(byNodeName, prefix, nodeKey(node, from), limit,
		func(_, key, value []byte, records *bolt.Bucket) []byte {
			if s.covering {
				return value
			}
			return records.Get(key[len(prefix)+8:])
		})
}

func (s *Store) byStatus(tenantID, status string) []Reading {
	prefix := joined(tenantID, status)
	return s.readings(byStatusName, prefix, prefix, -1,
		func(prefix, key, _ []byte, records *bolt.Bucket) []byte {
			return records.Get(append(joined(tenantID), key[len(prefix):]...))
		})
}

// readings walks a bucket, and decodes what is found for each of its rows; a negative limit is none.
func (s *Store) readings(name, prefix, from []byte, limit int,
	find func(prefix, key, value []byte, records *bolt.Bucket) []byte) []Reading {
	found := []Reading{}
	check(s.db.View(func(tx *bolt.Tx) error {
		records := tx.Bucket(readingsName)
		cursor := tx.Bucket(name).Cursor()
		key, value := cursor.Seek(from)
		for ; bytes.HasPrefix(key, prefix) && len(found) != limit; key, value = cursor.Next() {
			found = append(found, Reading{})
			if err := json.Unmarshal(find(prefix, key, value, records), &found[len(found)-1]); err != nil {
				return err
			}
		}
		return nil
	}))
	return found
}

func sampleKey(place Place) []byte {
	return nodeKey(place.tenantID, place.at)
}

func nodeKey(text string, number int64) []byte {
	return binary.BigEndian.AppendUint64(joined(text), uint64(number))
}

func joined(parts ...string) []byte {
	key := make([]byte, 0, 64)
	for _, part := range parts {
		key = append(append(key, part...), 0)
	}
	return key
}
