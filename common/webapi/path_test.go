package webapi

import (
	"bufio"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// request parses a request line as net/http's server does.
func request(target string) (*http.Request, error) {
	return http.ReadRequest(bufio.NewReader(strings.NewReader("GET " + target + " HTTP/1.1\r\nHost: h\r\n\r\n")))
}

func TestSegments(t *testing.T) {
	for _, c := range []struct {
		target string
		want   []string
	}{
		{"/", []string{""}},
		{"http://host", []string{""}},
		{"http://host/uri/x", []string{"uri", "x"}},
		{"/uri", []string{"uri"}},
		{"/uri/", []string{"uri", ""}},
		{"//uri", []string{"", "uri"}},
		{"/uri/URI%3ADIR2%3Aabc%3Adef/sub", []string{"uri", "URI:DIR2:abc:def", "sub"}},
		{"/uri/URI:DIR2:abc:def/sub", []string{"uri", "URI:DIR2:abc:def", "sub"}},
		{"/uri/c/a%2Fb/c", []string{"uri", "c", "a/b", "c"}},
		{"/uri/c/\u00fc%2Fb/c", []string{"uri", "c", "ü/b", "c"}}, // where EscapedPath loses the encoding
		{"/uri/c/\"%2f<", []string{"uri", "c", "\"/<"}},
		{"/uri/c/a+b%20c%2B", []string{"uri", "c", "a+b c+"}},
		{"/uri/c/%C3%BC", []string{"uri", "c", "ü"}},
		{"/uri/c/%ff%00", []string{"uri", "c", "\xff\x00"}},
		{"/uri/c/../x/./y", []string{"uri", "c", "..", "x", ".", "y"}},
		{"/uri/c/a%3Fb%23c?t=json", []string{"uri", "c", "a?b#c"}},
		{"/uri/c/%2525", []string{"uri", "c", "%25"}},
	} {
		t.Run(c.target, func(t *testing.T) {
			r, err := request(c.target)
			require.NoError(t, err)
			parts, err := Segments(r.URL)
			require.NoError(t, err)
			require.Equal(t, c.want, parts)
		})
	}
	r, err := request("*")
	require.NoError(t, err)
	_, err = Segments(r.URL)
	require.ErrorContains(t, err, "does not begin with a slash")
	_, err = request("/uri/%zz")
	require.Error(t, err, "net/http answers 400 by itself")
}

func TestNames(t *testing.T) {
	require.NoError(t, Names([]string{"a", "ü", "a/b", ".."}))
	require.ErrorContains(t, Names([]string{"a", "", "b"}), "The webapi does not allow empty pathname components, i.e. a double slash")
	require.ErrorContains(t, Names([]string{"\xff"}), "not UTF-8")
	require.NoError(t, Names(nil))
}

func TestPath(t *testing.T) {
	require.Equal(t, "/uri/URI%3ALIT%3Aabc/a%2Fb%20%C3%BC%25%3F%23%22", Path("uri", "URI:LIT:abc", `a/b ü%?#"`))
}

func TestRouter(t *testing.T) {
	var routes router
	for _, path := range []string{"/", "/storage", "/status/", "/status/all", "/private/logs/v1"} {
		routes.add(Public, path, nil)
	}
	for path, want := range map[string]string{
		"/": "/", "/storage": "/storage", "/status/": "/status/", "/status/x/y": "/status/", "/status/all": "/status/all",
		"/status": "", "/storage/": "", "//": "", "/private/logs/v1": "/private/logs/v1", "/private": "", "/private%2Flogs%2Fv1": "",
		"/private/logs%2Fv1": "", "/status%2F": "", "/status/a%2Fb": "/status/", "/st%61tus/x": "/status/", "/storage%00": "",
	} {
		r, err := request(path)
		require.NoError(t, err)
		parts, err := Segments(r.URL)
		require.NoError(t, err)
		got := ""
		if found := routes.find(parts); found != nil {
			got = found.path
		}
		require.Equal(t, want, got, path)
	}
	for _, wrong := range []string{"", "uri", "/uri/x/", "/storage", "/status/", "/a%20b", "/a?b"} {
		require.Panics(t, func() { routes.add(Public, wrong, nil) }, wrong)
	}
}

func FuzzSegments(f *testing.F) {
	for _, target := range []string{"/", "/uri/URI%3ALIT%3A/a%2Fb", "//x//", "/\xff%ff", "http://h/x%2Fy", "/%2e%2e/"} {
		f.Add(target)
	}
	f.Fuzz(func(t *testing.T, target string) {
		r, err := request(target)
		if err != nil {
			return
		}
		parts, err := Segments(r.URL)
		if err != nil {
			require.Nil(t, parts)
			return
		}
		again, err := request(Path(parts...))
		require.NoError(t, err)
		same, err := Segments(again.URL)
		require.NoError(t, err)
		require.Equal(t, parts, same)
		new(router).find(parts)
		_ = Names(parts)
	})
}

func FuzzHostName(f *testing.F) {
	for _, host := range []string{"a:1", "[::1]:2", "[", "a.", "::", "127.0.0.1"} {
		f.Add(host)
	}
	known := newHostNames([]string{"pi.local"})
	f.Fuzz(func(t *testing.T, host string) {
		if known.has(host) && host != "" {
			name := hostName(host)
			require.True(t, name == "localhost" || name == "pi.local" || !strings.ContainsAny(name, "ghijklmnopqrstuvwxyz") || strings.Contains(name, "%"), name)
		}
	})
}
