package announce

import (
	"encoding/json"
	"slices"
)

// GridManager is the configuration of a grid manager, the file config.json in
// its directory. 1.20.0: grid_manager.py _GridManager.
type GridManager struct {
	Key     SigningKey
	Servers []ManagedServer // names are unique
}

// ManagedServer is a storage server that a grid manager knows.
type ManagedServer struct {
	Name string // of the manager's choice
	Key  VerifyingKey
}

// ParseGridManager reads config.json. The error is a *FormatError.
func ParseGridManager(text []byte) (*GridManager, error) {
	o, err := parseObject("grid manager config", text)
	if err != nil {
		return nil, err
	}
	if string(o.get("grid_manager_config_version")) != "0" {
		return nil, formatError("grid_manager_config_version", "missing or unknown, want 0")
	}
	var key string
	if err := o.getString("private_key", &key); err != nil {
		return nil, err
	}
	m := new(GridManager)
	if m.Key, err = ParseSigningKey(key); err != nil {
		return nil, err
	}
	if m.Servers, err = parseManagedServers(o.get("storage_servers")); err != nil {
		return nil, err
	}
	return m, nil
}

func parseManagedServers(value json.RawMessage) ([]ManagedServer, error) {
	if value == nil {
		return nil, nil
	}
	o, err := parseObject("storage_servers", value)
	if err != nil {
		return nil, err
	}
	servers := make([]ManagedServer, 0, len(o))
	for _, m := range o {
		inner, err := parseObject("storage server", m.Value)
		if err != nil {
			return nil, err
		}
		var key string
		if err := inner.getString("public_key", &key); err != nil {
			return nil, err
		}
		server := ManagedServer{Name: m.Name}
		if server.Key, err = ParseVerifyingKey(key); err != nil {
			return nil, err
		}
		servers = append(servers, server)
	}
	return servers, nil
}

// Find returns the server of that name, or false.
func (m *GridManager) Find(name string) (ManagedServer, bool) {
	i := slices.IndexFunc(m.Servers, func(s ManagedServer) bool { return s.Name == name })
	if i < 0 {
		return ManagedServer{}, false
	}
	return m.Servers[i], true
}

// AppendReveal appends config.json, private key included, as 1.20 writes it:
// json.dumps with indent=4 and a newline.
func (m *GridManager) AppendReveal(dst []byte) []byte {
	dst = append(dst, "{\n    \"grid_manager_config_version\": 0,\n    \"private_key\": "...)
	dst = appendString(dst, m.Key.Reveal())
	if len(m.Servers) > 0 {
		dst = append(dst, ",\n    \"storage_servers\": {"...)
		for i, s := range m.Servers {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(dst, "\n        "...)
			dst = appendString(dst, s.Name)
			dst = append(dst, ": {\n            \"public_key\": "...)
			dst = appendString(dst, s.Key.String())
			dst = append(dst, "\n        }"...)
		}
		dst = append(dst, "\n    }"...)
	}
	return append(dst, "\n}\n"...)
}
