package main

import (
	"encoding/json"
	"fmt"
	"strings"
)

// fault is a way in which a record is wrong: a field that gets another value, or is taken away.
type fault struct {
	name  string
	field string
	value string
}

var fieldFaults = map[string][]fault{
	"tenants": {
		{"bad-cidr", "settings", `{"subnet_cidr":"10.0.0.0/33"}`}, {"busy", "busy", `"wipe"`}, {"bad-time", "created_at", `"yesterday"`},
	},
	"tenant_quotas": {{"negative", "max_nodes", "-1"}, {"month", "month", `"2026-03"`}},
	"users": {
		{"bad-role", "role", `"root"`}, {"no-email", "email", `""`}, {"bad-email", "email", `"nobody"`},
		{"bad-time", "created_at", `"2025-13-01T00:00:00Z"`},
	},
	"nodes": {
		{"bad-key", "public_key", `"test"`}, {"bad-status", "status", `"asleep"`}, {"bad-prefix", "ip_address", `"10.9.9.0/24"`},
		{"bad-label", "metadata", `{"n":1}`}, {"proto", "metadata", `{"__proto__":"x"}`},
	},
	"node_groups": {
		{"missing-node", "node_ids", `["nobody"]`}, {"bad-labels", "labels", `["a"]`},
	},
	"alert_rules": {
		{"bad-severity", "severity", `"dire"`}, {"bad-duration", "duration", `"soon"`}, {"no-expression", "expression", `""`},
	},
	"notification_channels": {{"bad-type", "type", `"pigeon"`}, {"bad-config", "config", `"x"`}},
	"network_policies": {
		{"no-action", "rules", `[{"protocol":"tcp","source":{"type":"any"},"destination":{"type":"any"}}]`},
		{"no-protocol", "rules", `[{"action":"allow","source":{"type":"any"},"destination":{"type":"any"}}]`},
		{"no-type", "applied_to", `{"type":"","values":null}`}, {"no-target", "applied_to", ""},
		{"bad-port", "rules", `[{"action":"allow","protocol":"tcp","ports":["http"],"source":{"type":"any"},"destination":{"type":"any"}}]`},
		{"huge", "priority", "1e999"},
	},
	"api_keys": {
		{"not-sha256", "key", `"$2a$10$abcdefghijklmnopqrstuv"`}, {"missing-user", "user_id", `"nobody"`},
		{"bad-permission", "permissions", `["read all"]`}, {"revoked-at", "revoked_at", `"2025-01-01T00:00:00Z"`},
	},
	"audit_logs": {
		{"no-success", "success", ""}, {"no-action", "action", `""`}, {"hash", "hash", `"00"`}, {"sequence", "sequence", "1"},
	},
	"metrics_snapshots": {
		{"bad-granularity", "granularity", `"week"`}, {"text-metric", "metrics", `{"cpu":"high"}`}, {"series", "series", `"{}"`},
	},
}

// spoil gives a row one fault, and says which.
func (m *maker) spoil(bucket string, row *line) {
	kinds := []string{"not-json", "not-object", "not-utf8", "unknown-field", "bad-id", "wrong-key", "duplicate", "", "", "", ""}
	row.Fault = m.pick(kinds...)
	value := string(row.Value)
	switch row.Fault {
	case "not-json":
		row.Value = []byte(value[:len(value)/2])
	case "not-object":
		row.Value = []byte(m.pick("[]", "null", "7", `"text"`, ""))
	case "not-utf8":
		row.Value = []byte(strings.Replace(value, `":"`, "\":\"\xff\xfe", 1))
	case "unknown-field":
		row.Value = set(row.Value, m.pick("favourite_colour", "tenantId", "__proto__"), `"blue"`)
	case "bad-id":
		field := "id"
		if bucket == "tenant_quotas" {
			field = "tenant_id"
		}
		row.Value = set(row.Value, field, "7")
	case "wrong-key":
		if bucket == "audit_logs" || bucket == "metrics_snapshots" {
			row.Fault = "no-timestamp"
			row.Value = set(row.Value, "timestamp", `"0001-01-01T00:00:00Z"`)
		} else {
			m.count++
			row.Key = []byte(fmt.Sprintf("elsewhere-%06d", m.count))
		}
	case "duplicate":
		m.duplicate(bucket, row)
	default:
		m.spoilField(bucket, row)
	}
}

func (m *maker) spoilField(bucket string, row *line) {
	of := fieldFaults[bucket]
	chosen := of[m.random.Intn(len(of))]
	field := chosen.field
	if strings.Contains(string(row.Value), `"publicKey"`) {
		chosen, field = fault{"bad-key", "", `"test"`}, "publicKey"
	}
	row.Fault = chosen.name
	row.Value = set(row.Value, field, chosen.value)
}

// duplicate gives a record what another has, and must be its own.
func (m *maker) duplicate(bucket string, row *line) {
	var record struct {
		TenantID  string `json:"tenant_id"`
		PublicKey string `json:"publicKey"`
	}
	must(json.Unmarshal(row.Value, &record))
	nodes := m.nodes[owner(record.TenantID)]
	logs := m.audits[record.TenantID]
	switch {
	case bucket == "users" && len(m.emails) > 0:
		row.Value = set(row.Value, "email", fmt.Sprintf("%q", " "+strings.ToUpper(m.pick(m.emails...))))
	case bucket == "tenants" && len(m.domains) > 0:
		row.Value = set(row.Value, "domain", fmt.Sprintf("%q", strings.ToLower(m.pick(m.domains...))))
	case bucket == "nodes" && len(nodes) > 0 && record.PublicKey != "":
		row.Value = set(row.Value, "publicKey", fmt.Sprintf("%q", nodes[m.random.Intn(len(nodes))].PublicKey))
	case bucket == "nodes" && len(nodes) > 0:
		row.Value = set(row.Value, "public_key", fmt.Sprintf("%q", nodes[m.random.Intn(len(nodes))].PublicKey))
	case bucket == "audit_logs" && len(logs) > 0:
		id, err := json.Marshal(m.pick(logs...))
		must(err)
		row.Value = set(row.Value, "id", string(id))
		row.Key = append(row.Key, "-again"...)
	default:
		m.spoilField(bucket, row)
	}
}

// set gives a field another value; with none it is taken away.
func set(record []byte, field, value string) []byte {
	fields := map[string]json.RawMessage{}
	must(json.Unmarshal(record, &fields))
	delete(fields, field)
	if value == "" {
		out, err := json.Marshal(fields)
		must(err)
		return out
	}
	out, err := json.Marshal(fields)
	must(err)
	text := string(out[:len(out)-1])
	if len(fields) > 0 {
		text += ","
	}
	name, err := json.Marshal(field)
	must(err)
	return []byte(text + string(name) + ":" + value + "}")
}
