package webapi

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
)

// Access says who may use a route. The zero value is the careful one.
type Access int

const (
	// Private routes take or show caps.
	Private Access = iota
	// Public routes show what everybody may know. Only their GET and HEAD are
	// public.
	Public
)

// route is what is mounted at a path.
type route struct {
	path    string
	access  Access
	handler http.Handler
}

// router finds the route of a path. The zero value is ready. Safe for concurrent
// use.
type router struct {
	mu sync.RWMutex // guards both
	// exact has routes by their parts, joined by slashes; a part with a slash in
	// it finds none, because no path that is mounted has one.
	exact map[string]*route
	// below has routes for a first part and everything behind it.
	below map[string]*route
}

// add panics if the path is wrong or taken: that is an error in the program.
func (t *router) add(access Access, path string, handler http.Handler) {
	name, isTree := strings.CutSuffix(strings.TrimPrefix(path, "/"), "/")
	switch {
	case !strings.HasPrefix(path, "/") || strings.ContainsAny(path, "%?# "):
		panic(fmt.Sprintf("webapi: %q is not a plain path", path))
	case isTree && strings.Contains(name, "/"):
		panic(fmt.Sprintf("webapi: %q is a tree below the first part", path))
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	routes := &t.exact
	if isTree {
		routes = &t.below
	}
	if *routes == nil {
		*routes = map[string]*route{}
	}
	if (*routes)[name] != nil {
		panic(fmt.Sprintf("webapi: %q is mounted twice", path))
	}
	(*routes)[name] = &route{path, access, handler}
}

// find returns nil if nothing is mounted there.
func (t *router) find(parts []string) *route {
	t.mu.RLock()
	defer t.mu.RUnlock()
	for _, part := range parts {
		if strings.Contains(part, "/") {
			return t.tree(parts)
		}
	}
	if found := t.exact[strings.Join(parts, "/")]; found != nil {
		return found
	}
	return t.tree(parts)
}

func (t *router) tree(parts []string) *route {
	if len(parts) < 2 {
		return nil
	}
	return t.below[parts[0]]
}
