package main

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand"
	"time"
)

// maker makes records up. Ids grow, so that of two that cannot both be the one made first has the smaller key.
type maker struct {
	random  *rand.Rand
	scale   int
	faults  int
	count   int
	lines   []line
	tenants []string
	users   map[string][]string
	emails  []string
	domains []string
	nodes   map[string][]node
	audits  map[string][]string
}

func newMaker(seed int64, scale, faults int) *maker {
	return &maker{
		random: rand.New(rand.NewSource(seed)), scale: scale, faults: faults,
		users: map[string][]string{}, nodes: map[string][]node{}, audits: map[string][]string{},
	}
}

var zones = []*time.Location{
	time.UTC, time.FixedZone("", 5*3600+1800), time.FixedZone("", -8*3600), time.FixedZone("CET", 3600),
}

var texts = []string{"", "plain", "a <b> & \"c\" \\", "Zürich 🛰", "line\nfeed\ttab\x01", "\u2028 and \u2029", "a:b:c"}

func (m *maker) chance(percent int) bool { return m.random.Intn(100) < percent }

func (m *maker) pick(of ...string) string { return of[m.random.Intn(len(of))] }

func (m *maker) text() string { return m.pick(texts...) }

func (m *maker) id(kind string) string {
	m.count++
	return fmt.Sprintf("%s-%06d%s", kind, m.count, m.pick("", "", "-ü", ":x", "%2F", " y"))
}

// time is between 2023 and 2025, in any zone.
func (m *maker) time() time.Time {
	nanos := []int64{0, 0, 5e8, 123456789, 999999999, 1000, m.random.Int63n(1e9)}[m.random.Intn(7)]
	return time.Unix(1680000000+m.random.Int63n(7e7), nanos).In(zones[m.random.Intn(len(zones))])
}

// unset is the time that Go writes for none, or one that is set.
func (m *maker) unset(percent int) time.Time {
	if m.chance(percent) {
		return time.Time{}.In(zones[m.random.Intn(2)])
	}
	return m.time()
}

func (m *maker) pointer() *time.Time {
	if m.chance(40) {
		return nil
	}
	t := m.unset(30)
	return &t
}

func (m *maker) labels() map[string]string {
	if m.chance(30) {
		return nil
	}
	labels := map[string]string{}
	for i := m.random.Intn(4); i > 0; i-- {
		labels[m.pick("host_name", "region", "Zone", "tenant_id", "a.b/c")] = m.text()
	}
	return labels
}

func (m *maker) object() map[string]interface{} {
	if m.chance(30) {
		return nil
	}
	return map[string]interface{}{
		"user_name": m.text(), "big": 1e21, "small": m.random.Float64() * 1e-8, "none": nil, "on": m.chance(50),
		"list_of": []interface{}{m.random.Intn(100), m.text(), map[string]int{"in_ner": 1}},
	}
}

func (m *maker) publicKey() string {
	key := make([]byte, 32)
	m.random.Read(key)
	return base64.StdEncoding.EncodeToString(key)
}

// tenant is that of a record: at times none, or one that there is no record of.
func (m *maker) tenant() string {
	switch n := m.random.Intn(100); {
	case n < 10:
		return ""
	case n < 16:
		return fmt.Sprintf("unheard-of-%d", m.random.Intn(3))
	}
	return m.pick(m.tenants...)
}

func owner(tenantID string) string {
	if tenantID == "" {
		return "system"
	}
	return tenantID
}

func (m *maker) address() string {
	m.count++
	v4 := fmt.Sprintf("10.%d.%d.%d", m.count>>16, m.count>>8&255, m.count&255)
	return m.pick(v4, v4, v4+"/32", "", fmt.Sprintf("fd00::%x", m.count), fmt.Sprintf("fd00::%x/128", m.count))
}

func path(names ...string) [][]byte {
	var made [][]byte
	for _, name := range names {
		made = append(made, []byte(name))
	}
	return made
}

func (m *maker) row(key string, value []byte, bucket ...string) {
	m.lines = append(m.lines, line{Path: path(bucket...), Key: []byte(key), Value: value})
}

// add writes a record, now and then with a fault. It returns whether it has none.
func (m *maker) add(bucket, key string, record interface{}) bool {
	value, err := json.Marshal(record)
	must(err)
	made := line{Path: path(bucket), Key: []byte(key), Value: value}
	if m.random.Intn(1000) < m.faults {
		m.spoil(bucket, &made)
	}
	m.lines = append(m.lines, made)
	return made.Fault == ""
}

func (m *maker) all() {
	for _, name := range goBuckets {
		m.lines = append(m.lines, line{Path: path(name)})
	}
	m.row("schema_version", []byte("2"), "migrations")
	m.makeTenants()
	m.makeUsers()
	m.makeNodes()
	m.makeGroups()
	m.makePolicies()
	m.makeAlerts()
	m.makeKeys()
	m.makeLogs()
	m.makeOthers()
}

func (m *maker) times(of int) int { return m.scale/of + 2 }

func secretOf(n int) (secret, hash string) {
	secret = fmt.Sprintf("go-secret-%d", n)
	return secret, fmt.Sprintf("%x", sha256.Sum256([]byte(secret)))
}
