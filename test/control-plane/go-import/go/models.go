package main

import "time"

// The models of a Go control plane, as its JSON has them. Fields that are pointers are null, or left out, where unset.

type tenant struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	Domain    string    `json:"domain"`
	Settings  settings  `json:"settings"`
	CreatedAt time.Time `json:"created_at"`
	IsActive  bool      `json:"is_active"`
	NodeLimit int       `json:"node_limit"`
	UsedNodes int       `json:"used_nodes"`
}

type settings struct {
	SubnetCIDR        string `json:"subnet_cidr"`
	MaxNodes          int    `json:"max_nodes"`
	PolicyMode        string `json:"policy_mode"`
	HeartbeatInterval int    `json:"heartbeat_interval"`
}

type quota struct {
	TenantID      string    `json:"tenant_id"`
	MaxNodes      int       `json:"max_nodes"`
	MaxUsers      int       `json:"max_users"`
	MaxAPIKeys    int       `json:"max_api_keys"`
	MaxBandwidth  int64     `json:"max_bandwidth"`
	UsedNodes     int       `json:"used_nodes"`
	UsedUsers     int       `json:"used_users"`
	UsedAPIKeys   int       `json:"used_api_keys"`
	UsedBandwidth int64     `json:"used_bandwidth"`
	UpdatedAt     time.Time `json:"updated_at"`
}

type user struct {
	ID           string     `json:"id"`
	Email        string     `json:"email"`
	PasswordHash string     `json:"password_hash"`
	Role         string     `json:"role"`
	TenantID     string     `json:"tenant_id"`
	CreatedAt    time.Time  `json:"created_at"`
	LastLogin    *time.Time `json:"last_login,omitempty"`
}

type node struct {
	ID        string            `json:"id"`
	TenantID  string            `json:"tenant_id"`
	Name      string            `json:"name"`
	PublicKey string            `json:"public_key"`
	IPAddress string            `json:"ip_address"`
	Status    string            `json:"status"`
	LastSeen  time.Time         `json:"last_seen"`
	CreatedAt time.Time         `json:"created_at"`
	Metadata  map[string]string `json:"metadata"`
}

// olderNode is a node as files of before had it.
type olderNode struct {
	ID        string `json:"id"`
	PublicKey string `json:"publicKey"`
	IP        string `json:"ip"`
	LastSeen  int64  `json:"lastSeen"`
}

type group struct {
	ID          string            `json:"id"`
	Name        string            `json:"name"`
	Description string            `json:"description"`
	TenantID    string            `json:"tenant_id"`
	NodeIDs     []string          `json:"node_ids"`
	Labels      map[string]string `json:"labels"`
	CreatedAt   time.Time         `json:"created_at"`
	UpdatedAt   time.Time         `json:"updated_at"`
}

type alertRule struct {
	ID          string    `json:"id"`
	Name        string    `json:"name"`
	Description string    `json:"description"`
	Expression  string    `json:"expression"`
	Severity    string    `json:"severity"`
	Duration    string    `json:"duration"`
	Enabled     bool      `json:"enabled"`
	TenantID    string    `json:"tenant_id,omitempty"`
	CreatedAt   time.Time `json:"created_at"`
	UpdatedAt   time.Time `json:"updated_at"`
}

type channel struct {
	ID       string                 `json:"id"`
	Name     string                 `json:"name"`
	Type     string                 `json:"type"`
	Config   map[string]interface{} `json:"config"`
	TenantID string                 `json:"tenant_id"`
	Enabled  bool                   `json:"enabled"`
}

type target struct {
	Type   string            `json:"type"`
	Values []string          `json:"values"`
	Labels map[string]string `json:"labels,omitempty"`
}

type rule struct {
	Action      string   `json:"action"`
	Protocol    string   `json:"protocol"`
	Ports       []string `json:"ports"`
	Source      target   `json:"source"`
	Destination target   `json:"destination"`
}

type policy struct {
	ID          string    `json:"id"`
	Name        string    `json:"name"`
	Description string    `json:"description"`
	TenantID    string    `json:"tenant_id"`
	Rules       []rule    `json:"rules"`
	AppliedTo   target    `json:"applied_to"`
	Priority    int       `json:"priority"`
	Enabled     bool      `json:"enabled"`
	CreatedAt   time.Time `json:"created_at"`
	UpdatedAt   time.Time `json:"updated_at"`
}

type apiKey struct {
	ID          string     `json:"id"`
	Name        string     `json:"name"`
	Key         string     `json:"key"`
	TenantID    string     `json:"tenant_id"`
	UserID      string     `json:"user_id"`
	Permissions []string   `json:"permissions"`
	ExpiresAt   *time.Time `json:"expires_at"`
	CreatedAt   time.Time  `json:"created_at"`
	LastUsed    time.Time  `json:"last_used"`
	IsActive    bool       `json:"is_active"`
}

type auditLog struct {
	ID        string                 `json:"id"`
	TenantID  string                 `json:"tenant_id"`
	UserID    string                 `json:"user_id"`
	Action    string                 `json:"action"`
	Resource  string                 `json:"resource"`
	Details   map[string]interface{} `json:"details"`
	IPAddress string                 `json:"ip_address"`
	UserAgent string                 `json:"user_agent"`
	Timestamp time.Time              `json:"timestamp"`
	Success   bool                   `json:"success"`
}

type snapshot struct {
	ID          string             `json:"id"`
	TenantID    string             `json:"tenant_id"`
	Timestamp   time.Time          `json:"timestamp"`
	Metrics     map[string]float64 `json:"metrics"`
	Labels      map[string]string  `json:"labels"`
	Granularity string             `json:"granularity"`
}
