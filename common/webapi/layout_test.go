package webapi

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestLayout_page(t *testing.T) {
	l := Layout{Nickname: `pi <1> & "2"`, Title: "storage node", Nav: []Link{{"/", "Node"}, {"/storage", "Storage"}}}
	w := httptest.NewRecorder()
	body := template.Must(template.New("").Parse("<p>{{.}}</p>"))
	require.NoError(t, l.Write(w, Page{Title: "Hello <you>", Body: body, Data: "<b>"}))
	text := w.Body.String()
	require.Equal(t, http.StatusOK, w.Code)
	require.Equal(t, "text/html; charset=utf-8", w.Header().Get("Content-Type"))
	require.Equal(t, fmt.Sprint(len(text)), w.Header().Get("Content-Length"))
	require.Contains(t, text, "<h1>Hello &lt;you&gt;</h1>")
	require.Contains(t, text, "pi &lt;1&gt; &amp; &#34;2&#34;")
	require.Contains(t, text, `<a href="/storage">Storage</a>`)
	require.Contains(t, text, "<p>&lt;b&gt;</p>")
	require.Contains(t, text, "arm-tahoe ")
	require.Contains(t, text, `name="viewport"`)
	require.NotContains(t, text, "script")

	// The policy lets the style in: what is between its tags has the hash.
	_, rest, _ := strings.Cut(text, "<style>")
	style, _, _ := strings.Cut(rest, "</style>")
	sum := sha256.Sum256([]byte(style))
	require.Contains(t, w.Header().Get("Content-Security-Policy"), "'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'")
}

func TestLayout_brokenTemplate(t *testing.T) {
	w := httptest.NewRecorder()
	err := new(Layout).Write(w, Page{Title: "x", Body: template.Must(template.New("").Parse("half {{.Missing.Field}}")), Data: struct{}{}})
	require.Error(t, err)
	require.Equal(t, http.StatusInternalServerError, w.Code)
	require.NotContains(t, w.Body.String(), "half")
}

func TestLayout_errors(t *testing.T) {
	for _, c := range []struct {
		name, accept string
		err          error
		status       int
		kind, text   string
	}{
		{"browser", "text/html,application/xhtml+xml,*/*;q=0.8", &Error{http.StatusGone, "No <shares>"}, 410, "text/html; charset=utf-8", "<p>No &lt;shares&gt;</p>"},
		{"tahoe", "text/plain, application/octet-stream", &Error{http.StatusGone, "No <shares>"}, 410, "text/plain; charset=utf-8", "No <shares>\n"},
		{"curl", "*/*", &Error{http.StatusConflict, "There"}, 409, "text/plain; charset=utf-8", "There\n"},
		{"nothing", "", &Error{http.StatusConflict, "There"}, 409, "text/plain; charset=utf-8", "There\n"},
		{"wrapped", "", fmt.Errorf("outer: %w", &Error{http.StatusNotFound, "inner"}), 404, "text/plain; charset=utf-8", "inner\n"},
		{"of ours", "", errors.New("path of a secret file"), 500, "text/plain; charset=utf-8", "The node could not answer this; its log says why.\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil)
			if c.accept != "" {
				r.Header.Set("Accept", c.accept)
			}
			new(Layout).Error(w, r, c.err)
			require.Equal(t, c.status, w.Code)
			require.Equal(t, c.kind, w.Header().Get("Content-Type"))
			require.Contains(t, w.Body.String(), c.text)
		})
	}
}

func TestWriteJSON(t *testing.T) {
	w := httptest.NewRecorder()
	require.NoError(t, WriteJSON(w, http.StatusOK, "application/json", map[string]any{"a": []string{"<x>"}, "b": map[string]int{}}))
	require.Equal(t, "{\n \"a\": [\n  \"<x>\"\n ],\n \"b\": {}\n}\n", w.Body.String(), "as json.dumps(..., indent=1)")
	w = httptest.NewRecorder()
	require.Error(t, WriteJSON(w, http.StatusOK, "application/json", func() {}))
	require.Empty(t, w.Body.String())
}

type healthAnswer struct {
	Status string
	Checks map[string]string
}

func askHealth(t *testing.T, s *Server, from string) (int, healthAnswer) {
	t.Helper()
	w := ask(s, from, "GET /healthz")
	var answer healthAnswer
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &answer))
	require.Equal(t, "application/json", w.Header().Get("Content-Type"))
	return w.Code, answer
}

func TestHealth(t *testing.T) {
	s := testServer(t, Options{})
	code, answer := askHealth(t, s, there)
	require.Equal(t, http.StatusOK, code)
	require.Equal(t, healthAnswer{"ok", map[string]string{}}, answer)
	s.Health().Register("good", func(context.Context) error { return nil })
	code, answer = askHealth(t, s, there)
	require.Equal(t, http.StatusOK, code)
	require.Equal(t, healthAnswer{"ok", map[string]string{"good": "ok"}}, answer)
	s.Health().Register("bad", func(context.Context) error { return errors.New("disk is full") })
	s.Health().Register("worse", func(context.Context) error { panic("odd") })
	code, answer = askHealth(t, s, there)
	require.Equal(t, http.StatusServiceUnavailable, code)
	require.Equal(t, healthAnswer{"failed", map[string]string{"good": "ok", "bad": "failed", "worse": "failed"}}, answer)
	_, answer = askHealth(t, s, here)
	require.Equal(t, "failed: disk is full", answer.Checks["bad"])
	require.Equal(t, "failed: check panicked", answer.Checks["worse"])
}

// A check that hangs is started once, and fails each request in time.
func TestHealth_hangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := testServer(t, Options{})
		free := make(chan struct{})
		var started atomic.Int32
		s.Health().Register("disk", func(context.Context) error {
			started.Add(1)
			<-free
			return nil
		})
		codes := make(chan int, 10)
		start := time.Now()
		for range cap(codes) {
			go func() { codes <- ask(s, there, "GET /healthz").Code }()
		}
		for range cap(codes) {
			require.Equal(t, http.StatusServiceUnavailable, <-codes)
		}
		require.Equal(t, HealthTime, time.Since(start))
		require.Equal(t, int32(1), started.Load())
		close(free)
		synctest.Wait()
		require.Equal(t, http.StatusOK, ask(s, there, "GET /healthz").Code)
		require.Equal(t, int32(2), started.Load())
	})
}
