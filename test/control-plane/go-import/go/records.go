package main

import (
	"fmt"
	"strings"
)

var goBuckets = []string{
	"users", "tenants", "nodes", "sessions", "policies", "audit_logs", "api_keys", "node_groups", "network_policies",
	"migrations", "idx_users_by_email", "idx_users_by_tenant", "idx_nodes_by_tenant", "idx_nodes_by_status",
	"idx_sessions_by_user", "metrics_snapshots", "alert_rules", "notification_channels", "node_metrics",
	"tenant_quotas", "billing_records",
}

func (m *maker) makeTenants() {
	m.add("tenants", "system", tenant{
		ID: "system", Name: "System Tenant", Domain: "system.local", IsActive: true, NodeLimit: 1000, UsedNodes: 77,
		Settings: settings{"10.10.10.0/24", 1000, "strict", 30}, CreatedAt: m.time(),
	})
	m.tenants = []string{"system"}
	for i := m.times(40); i > 0; i-- {
		t := tenant{
			ID: m.id("tenant"), Name: m.text(), IsActive: m.chance(80), NodeLimit: m.random.Intn(3) * 5,
			UsedNodes: m.random.Intn(100), CreatedAt: m.unset(10),
			Settings: settings{
				m.pick("10.20.0.0/16", "fd00::/64"), m.random.Intn(2) * 50, m.pick("strict", "permissive"), m.random.Intn(2) * 45,
			},
		}
		if m.chance(60) {
			t.Domain = fmt.Sprintf("Mesh-%d.example", m.count)
		}
		if m.add("tenants", t.ID, t) && t.Domain != "" {
			m.domains = append(m.domains, t.Domain)
		}
		m.tenants = append(m.tenants, t.ID)
	}
	for _, id := range m.tenants {
		if m.chance(25) {
			continue
		}
		// The clock of the tests says 2026-03-10: some were counted in that month, most before.
		updated := m.unset(10)
		if m.chance(30) {
			updated = updated.AddDate(2026-updated.Year(), 3-int(updated.Month()), 5-updated.Day())
		}
		m.add("tenant_quotas", id, quota{
			TenantID: id, MaxNodes: m.random.Intn(3), MaxUsers: m.random.Intn(3), MaxAPIKeys: m.random.Intn(3),
			MaxBandwidth: m.random.Int63n(3) * 1e12, UsedNodes: m.random.Intn(9), UsedUsers: m.random.Intn(9),
			UsedAPIKeys: m.random.Intn(9), UsedBandwidth: m.random.Int63n(3) * 123456789012, UpdatedAt: updated,
		})
	}
}

func (m *maker) makeUsers() {
	for i := m.times(5); i > 0; i-- {
		u := user{
			ID: m.id("user"), PasswordHash: m.pick("", "$2a$10$abcdefghijklmnopqrstuv"),
			Role: m.pick("admin", "user", "viewer", ""), TenantID: m.tenant(), CreatedAt: m.unset(20), LastLogin: m.pointer(),
		}
		u.Email = fmt.Sprintf("%s.%d@Example.com", m.pick("Ann", "bob", "O'Neil+x"), m.count)
		if m.add("users", u.ID, u) {
			m.emails = append(m.emails, u.Email)
			m.users[owner(u.TenantID)] = append(m.users[owner(u.TenantID)], u.ID)
		}
		// The package forgot to take old entries away.
		m.row(u.Email, []byte(u.ID), "idx_users_by_email")
		m.row("before-"+u.Email, []byte(u.ID), "idx_users_by_email")
		m.row(u.TenantID+":"+u.ID, []byte(u.ID), "idx_users_by_tenant")
	}
}

func (m *maker) makeNodes() {
	for i := m.times(4); i > 0; i-- {
		if m.chance(20) {
			n := olderNode{ID: m.id("node"), PublicKey: m.publicKey(), IP: m.address(), LastSeen: m.random.Int63n(2) * 1750857219}
			if m.add("nodes", n.ID, n) {
				m.nodes["system"] = append(m.nodes["system"], node{ID: n.ID, PublicKey: n.PublicKey, IPAddress: n.IP})
			}
			continue
		}
		n := node{
			ID: m.id("node"), TenantID: m.tenant(), Name: m.text(), PublicKey: m.publicKey(), IPAddress: m.address(),
			Status:   m.pick("online", "offline", "maintenance", "unknown", ""),
			LastSeen: m.unset(30), CreatedAt: m.unset(20), Metadata: m.labels(),
		}
		if m.add("nodes", n.ID, n) {
			m.nodes[owner(n.TenantID)] = append(m.nodes[owner(n.TenantID)], n)
		}
		m.row(n.Status+":"+n.ID, []byte(n.ID), "idx_nodes_by_status")
		m.row(n.TenantID+":"+n.ID, []byte("someone else"), "idx_nodes_by_tenant")
	}
}

func (m *maker) makeGroups() {
	for i := m.times(20); i > 0; i-- {
		g := group{
			ID: m.id("group"), Name: m.text(), Description: m.text(), TenantID: m.tenant(), Labels: m.labels(),
			CreatedAt: m.unset(20), UpdatedAt: m.unset(20),
		}
		for _, n := range m.nodes[owner(g.TenantID)] {
			if m.chance(30) && len(g.NodeIDs) < 20 {
				g.NodeIDs = append(g.NodeIDs, n.ID)
			}
		}
		m.add("node_groups", g.ID, g)
	}
}

func (m *maker) makePolicies() {
	for i := m.times(20); i > 0; i-- {
		p := policy{
			ID: m.id("policy"), Name: m.text(), Description: m.text(), TenantID: m.tenant(), AppliedTo: m.target(),
			Priority: m.random.Intn(1000) - 100, Enabled: m.chance(70), CreatedAt: m.unset(20), UpdatedAt: m.unset(20),
			Rules: []rule{},
		}
		for j := m.random.Intn(4); j > 0; j-- {
			ports := [][]string{nil, {}, {"any"}, {"*"}, {"all"}, {"80", "8000-8080"}}[m.random.Intn(6)]
			p.Rules = append(p.Rules, rule{
				m.pick("allow", "deny", "log"), m.pick("tcp", "udp", "any"), ports, m.target(), m.target(),
			})
		}
		m.add("network_policies", p.ID, p)
	}
}

func (m *maker) target() target {
	switch m.random.Intn(4) {
	case 0:
		return target{Type: "any", Labels: m.labels()}
	case 1:
		return target{Type: "cidr", Values: []string{m.pick("10.0.0.0/8", "192.168.7.9", "fd00::5", "fd00::/8")}}
	case 2:
		return target{Type: "group", Values: []string{"some_group", "other"}}
	}
	return target{Type: "node", Values: nil, Labels: map[string]string{"host_name": m.text()}}
}

func (m *maker) makeAlerts() {
	for _, id := range []string{"node-down", "high-auth-failures", "api-errors"} {
		at := m.time()
		m.add("alert_rules", id, alertRule{
			ID: id, Name: "As " + m.text(), Expression: "meshgate_active_nodes < 1", Severity: "warning", Duration: "5m",
			Enabled: m.chance(50), CreatedAt: at, UpdatedAt: at,
		})
	}
	for i := m.times(20); i > 0; i-- {
		r := alertRule{
			ID: m.id("rule"), Name: m.text(), Description: m.text(), Expression: "rate(x{a=~\"5..\"}[5m]) > 0.05",
			Severity: m.pick("info", "warning", "critical", ""), Duration: m.pick("5m", "1h30m", ""), Enabled: m.chance(50),
			TenantID: m.tenant(), CreatedAt: m.unset(20), UpdatedAt: m.unset(20),
		}
		m.add("alert_rules", r.ID, r)
		c := channel{
			ID: m.id("channel"), Name: m.text(), Type: m.pick("email", "slack", "webhook"), Config: m.object(),
			TenantID: m.tenant(), Enabled: m.chance(50),
		}
		m.add("notification_channels", c.ID, c)
	}
}

func (m *maker) makeKeys() {
	for i := m.times(10); i > 0; i-- {
		k := apiKey{
			ID: m.id("key"), Name: m.text(), TenantID: m.tenant(), CreatedAt: m.time(), LastUsed: m.unset(40),
			IsActive: m.chance(70), Permissions: [][]string{nil, {"*"}, {"nodes:read", "users:*"}}[m.random.Intn(3)],
			ExpiresAt: m.pointer(),
		}
		secret, hash := secretOf(m.count)
		k.Key = hash
		if users := m.users[owner(k.TenantID)]; len(users) > 0 && m.chance(60) {
			k.UserID = m.pick(users...)
		}
		m.add("api_keys", k.ID, k)
		m.lines[len(m.lines)-1].Secret = secret
	}
}

func (m *maker) makeLogs() {
	for i := m.times(1); i > 0; i-- {
		l := auditLog{
			ID: m.id("log"), TenantID: m.tenant(), UserID: m.pick("", "user-1", "api:key"), Action: m.pick("login", "node.create"),
			Resource: m.text(), Details: m.object(), UserAgent: m.pick("", "Mozilla/5.0 <x>"), Timestamp: m.time(),
			IPAddress: m.pick("", "192.0.2.7", "192.0.2.7:51820", "2001:db8::1", "[2001:db8::1]:443"), Success: m.chance(80),
		}
		if m.add("audit_logs", fmt.Sprintf("%d:%s", l.Timestamp.Unix(), l.ID), l) {
			m.audits[l.TenantID] = append(m.audits[l.TenantID], l.ID)
		}
		s := snapshot{
			ID: m.id("m"), TenantID: m.tenant(), Timestamp: m.time(), Labels: m.labels(),
			Granularity: m.pick("minute", "hour", "day"), Metrics: map[string]float64{"cpu_load": m.random.Float64(), "zero": 0},
		}
		m.add("metrics_snapshots", fmt.Sprintf("%s:%s:%d:%s", s.TenantID, s.Granularity, s.Timestamp.Unix(), s.ID), s)
	}
}

// makeOthers fills buckets that no model is known of.
func (m *maker) makeOthers() {
	m.row("s1", []byte(`{"user_id":"u1"}`), "sessions")
	m.row("b1", []byte("not JSON"), "billing_records")
	m.row("old", []byte(`{"any":"thing","n":1.0}`), "policies")
	m.row("inner", []byte(`"nested in a known one"`), "nodes", "archive")
	m.lines = append(m.lines, line{Path: path("notes"), Sequence: 9007199254740991}, line{Path: path("empty")})
	m.lines = append(m.lines, line{Path: path("notes", "deep", "deeper"), Sequence: 7})
	for i := m.times(8); i > 0; i-- {
		key := make([]byte, 2+m.random.Intn(20))
		m.random.Read(key)
		// No two are the same.
		key[0], key[1] = byte(i>>8), byte(i)
		m.row(string(key), []byte(strings.Repeat(m.text(), m.random.Intn(40))), "notes", "deep")
		m.row(fmt.Sprintf("n-%d", i), key, "notes", "deep", "deeper")
		m.row(fmt.Sprintf("n-%d", i), []byte(fmt.Sprintf(`{"i":%d.0}`, i)), "notes")
		m.row(string(key), []byte("1"), "\xff\x00bin")
	}
}
