package storagehttp

import "encoding/json"

// probe is a request made by hand and the answer of 1.20.
type probe struct {
	What    string `json:"what"`
	Request struct {
		Method  string   `json:"method"`
		Path    string   `json:"path"`
		Headers []any    `json:"headers"`
		Body    hexBytes `json:"body_hex"`
	} `json:"request"`
	Response struct {
		Status  int         `json:"status"`
		Headers [][2]string `json:"headers"`
		Body    hexBytes    `json:"body_hex"`
	} `json:"response"`
}

// recorded is a request that a client of 1.20 made, and what it got.
type recorded struct {
	Operation string   `json:"operation"`
	Server    string   `json:"server"`
	Method    string   `json:"method"`
	Path      string   `json:"path"`
	Headers   []header `json:"headers"`
	Body      hexBytes `json:"body_hex"`
	Status    int      `json:"status"`
	Answer    hexBytes `json:"response_body_hex"`
}

// header is ["Name", ["value", ...]] in JSON.
type header struct {
	Name   string
	Values []string
}

// UnmarshalJSON reads the pair.
func (h *header) UnmarshalJSON(text []byte) error {
	return json.Unmarshal(text, &[2]any{&h.Name, &h.Values})
}
