package gateway

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/common/secret"
)

const dirCap = "URI:DIR2:aaaa:bbbb"

func server(t *testing.T, handler http.HandlerFunc) *Client {
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	return New(s.URL)
}

func TestDo_request(t *testing.T) {
	root := secret.NewCapText([]byte(dirCap))
	for _, c := range []struct {
		object Object
		want   string
	}{
		{Unlinked().Query("t=mkdir", "format=sdmf"), "/uri?t=mkdir&format=sdmf"},
		{At(root, ""), "/uri/URI%3ADIR2%3Aaaaa%3Abbbb"},
		{At(root, "a b/ü/../~_.-"), "/uri/URI%3ADIR2%3Aaaaa%3Abbbb/a%20b/%C3%BC/../~_.-"},
		{In(root, ""), "/uri/URI%3ADIR2%3Aaaaa%3Abbbb/"},
		{In(root, "x").Append("?#").Query(), "/uri/URI%3ADIR2%3Aaaaa%3Abbbb/x%3F%23"},
		{Child(root, "a/b").Query("t=uri"), "/uri/URI%3ADIR2%3Aaaaa%3Abbbb/a%2Fb?t=uri"},
	} {
		client := server(t, func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			fmt.Fprint(w, r.RequestURI, " ", r.Header.Get("Accept"), " ", string(body), r.TransferEncoding)
		})
		answer := client.Do(t.Context(), "PUT", c.object, Text("body"))
		text, err := answer.Text()
		require.NoError(t, err)
		require.Equal(t, c.want+" text/plain, application/octet-stream body[]", text)
		require.True(t, answer.OK())
		answer.Close()
		require.NotContains(t, fmt.Sprintf("%v %+v %#v %s", c.object, c.object, c.object, c.object), "aaaa")
	}
}

func TestDo_streams(t *testing.T) {
	client := server(t, func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		fmt.Fprint(w, n, r.ContentLength, r.TransferEncoding)
	})
	for size, want := range map[int64]string{UnknownSize: "5 -1 [chunked]", 5: "5 5 []"} {
		answer := client.Do(t.Context(), "PUT", Unlinked(), Body{io.MultiReader(strings.NewReader("hello")), size})
		text, err := answer.Text()
		require.NoError(t, err)
		require.Equal(t, want, text)
		answer.Close()
	}
}

func TestDo_staysWithTheGateway(t *testing.T) {
	client := server(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", "http://127.0.0.1:1/elsewhere")
		w.WriteHeader(http.StatusFound)
	})
	answer := client.Do(t.Context(), "GET", Unlinked(), Body{})
	defer answer.Close()
	require.Equal(t, 302, answer.Status)
	require.False(t, answer.OK())
}

func TestDo_unreachable(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	base := "http://" + listener.Addr().String()
	require.NoError(t, listener.Close())
	client := New(base)
	answer := client.Do(t.Context(), "GET", At(secret.NewCapText([]byte(dirCap)), ""), Body{})
	defer answer.Close()
	require.Equal(t, Unreachable, answer.Status)
	require.Error(t, answer.Err)
	require.Equal(t, "\"Error: -1 Error trying to connect to "+base+"/: [Errno 111] Connection refused\n''\"", answer.Complaint("Error"))
}

func TestDo_badURL(t *testing.T) {
	client := New("http://[::1")
	answer := client.Do(t.Context(), "GET", At(secret.NewCapText([]byte(dirCap)), ""), Body{})
	defer answer.Close()
	require.Equal(t, Broken, answer.Status)
	require.NotContains(t, answer.Complaint("Error")+answer.Err.Error(), "aaaa")
}

func TestDo_password(t *testing.T) {
	client := server(t, func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		fmt.Fprint(w, user, " ", password)
	})
	base := strings.Replace(client.base, "http://", "http://u:hunter2@", 1)
	answer := New(base).Do(t.Context(), "GET", Unlinked(), Body{})
	defer answer.Close()
	text, err := answer.Text()
	require.NoError(t, err)
	require.Equal(t, "u hunter2", text)
	for _, bad := range []string{"http://u:hunter2@127.0.0.1:1/", "http://u:hunter2@[::1/"} {
		require.NotContains(t, New(bad).Do(t.Context(), "GET", Unlinked(), Body{}).Complaint("Error"), "hunter2")
	}
}

func TestDo_noHTTP(t *testing.T) {
	client := server(t, func(w http.ResponseWriter, r *http.Request) {
		connection, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			_, _ = io.WriteString(connection, "<html>Processing Failed</html>")
			_ = connection.Close()
		}
	})
	answer := client.Do(t.Context(), "GET", At(secret.NewCapText([]byte(dirCap)), ""), Body{})
	defer answer.Close()
	require.Equal(t, Broken, answer.Status)
	require.Contains(t, answer.Complaint("Error"), "Error: no answer of the gateway at http://127.0.0.1:")
	require.NotContains(t, answer.Complaint("Error"), "aaaa")
}

func TestComplaint(t *testing.T) {
	client := server(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusGone)
		_, _ = io.WriteString(w, "No\n"+strings.Repeat("x", maxComplaint))
	})
	answer := client.Do(t.Context(), "GET", Unlinked(), Body{})
	defer answer.Close()
	text := answer.Complaint("Error during GET")
	require.True(t, strings.HasPrefix(text, "\"Error during GET: 410 Gone\nb'No\\\\nxxx"), text[:60])
	require.Less(t, len(text), maxComplaint+100)
	require.Equal(t, "410 Gone", answer.Success())
}

const description = `["dirnode", {"children": {
  "a": ["filenode", {"mutable": false, "size": 12, "ro_uri": "URI:CHK:x", "metadata": {"ctime": 1, "tahoe": {"linkcrtime": 2.5, "linkmotime": 3}}}],
  "b": ["filenode", {"mutable": true, "size": null, "ro_uri": "URI:SSK-RO:x", "rw_uri": "URI:SSK:x", "metadata": {"ctime": "x", "mtime": 4, "tahoe": 7}}],
  "c": ["unknown", {"size": "?"}]}, "ro_uri": "URI:DIR2-RO:x", "rw_uri": "URI:DIR2:x", "mutable": true, "new": [1, {}]}]`

func TestReadNode(t *testing.T) {
	children := map[string]Node{}
	node, err := ReadNode(strings.NewReader(description), func(name string, n Node) error {
		children[name] = n
		return nil
	})
	require.NoError(t, err)
	require.Equal(t, Directory, node.Type)
	require.True(t, node.Mutable)
	require.Equal(t, "URI:DIR2:x", node.Best().RevealString())
	require.Len(t, children, 3)
	require.Equal(t, Node{Type: File, Read: secret.NewCapText([]byte("URI:CHK:x")), Size: "12", Created: 2.5, Modified: 3}, children["a"])
	require.EqualValues(t, 12, children["a"].Bytes())
	require.Equal(t, "None", children["b"].Size)
	require.Equal(t, "URI:SSK:x", children["b"].Best().RevealString())
	require.Equal(t, [2]float64{0, 4}, [2]float64{children["b"].Created, children["b"].Modified})
	require.Equal(t, "?", children["c"].Size)
	require.True(t, children["c"].Best().IsZero())
	require.NotContains(t, fmt.Sprintf("%+v", children), "URI:")
}

func TestReadNode_refuses(t *testing.T) {
	for _, text := range []string{
		"", "[", "{}", "[7]", `["dirnode"]`, `["dirnode", {"children": [] }]`, `["dirnode", {"children": {"URI:a": 7}}]`,
		`["dirnode", {"children": {}}`, `["dirnode", {"ro_uri": 7}]`, `["filenode", {}, 3]`, description[:len(description)-20],
	} {
		_, err := ReadNode(strings.NewReader(text), func(string, Node) error { return nil })
		require.Error(t, err, text)
		require.NotContains(t, err.Error(), "URI:", text)
	}
	own := errors.New("own")
	_, err := ReadNode(strings.NewReader(description), func(string, Node) error { return own })
	require.Same(t, own, err)
}

func FuzzReadNode(f *testing.F) {
	f.Add(description)
	f.Add(`["filenode", {"size": "x"}]`)
	f.Fuzz(func(t *testing.T, text string) {
		seen := 0
		node, err := ReadNode(strings.NewReader(text), func(_ string, n Node) error {
			seen++
			_, _ = n.Bytes(), n.Best()
			return nil
		})
		if err != nil {
			require.Equal(t, Node{}, node)
		}
		require.LessOrEqual(t, seen, len(text))
	})
}
