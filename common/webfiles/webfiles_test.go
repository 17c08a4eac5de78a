package webfiles_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/common/mutable"
	"github.com/besn0847/arm-tahoe/common/rsakey"
	"github.com/besn0847/arm-tahoe/common/upload"
	"github.com/besn0847/arm-tahoe/common/uri"
	"github.com/besn0847/arm-tahoe/common/webapi"
	"github.com/besn0847/arm-tahoe/common/webfiles"
)

// gateway is a handler over a fake grid.
type gateway struct {
	t    *testing.T
	grid *fake
	*webfiles.Handler
}

func newGateway(t *testing.T) *gateway {
	grid := newFake()
	return &gateway{t, grid, webfiles.New(webfiles.Config{
		Files: grid, Directories: grid, Layout: &webapi.Layout{Nickname: "node"},
	})}
}

// ask sends a request; its headers come as "Name: value".
func (g *gateway) ask(method, target, body string, headers ...string) *httptest.ResponseRecorder {
	g.t.Helper()
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	if strings.HasPrefix(target, "/file") || strings.HasPrefix(target, "/named") {
		g.ServeNamed(w, r)
	} else {
		g.ServeURI(w, r)
	}
	return w
}

// made is ask for something that must be stored; it returns the cap.
func (g *gateway) made(method, target, body string, headers ...string) string {
	g.t.Helper()
	w := g.ask(method, target, body, headers...)
	require.Less(g.t, w.Code, 300, "%s %s: %s", method, target, w.Body)
	return w.Body.String()
}

// form is the body of a POST and its type. A field is "name=value"; "file=NAME:text"
// is a file.
func form(fields ...string) (body, contentType string) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, field := range fields {
		name, value, _ := strings.Cut(field, "=")
		if name != "file" {
			_ = w.WriteField(name, value)
			continue
		}
		fileName, text, _ := strings.Cut(value, ":")
		part, _ := w.CreateFormFile("file", fileName)
		_, _ = io.WriteString(part, text)
	}
	_ = w.Close()
	return b.String(), "Content-Type: " + w.FormDataContentType()
}

func path(parts ...string) string { return webapi.Path(append([]string{"uri"}, parts...)...) }

var (
	x200   = strings.Repeat("x", 200)
	x201   = strings.Repeat("x", 201)
	exists = "There was already a child by that name, and you asked me to not replace it."
)

// TestVectors sends what was sent to 1.20 (node.json) in the same order and wants
// the same status, beginning of the answer, and headers. Caps differ; KIND stands for
// any cap of that kind.
func TestVectors(t *testing.T) {
	g := newGateway(t)
	file := g.made("PUT", "/uri", x200)
	dir := g.made("POST", "/uri?t=mkdir", "")
	upload1, uploadType := form("t=upload", "file=up.txt:"+x200)
	noJSON, noJSONType := form("t=set_children")
	named, namedType := form("t=upload", "name=named", "file=:"+x200)
	done, doneType := form("t=upload", "when_done=/there", "file=done.txt:"+x200)
	children := fmt.Sprintf(`{"k1": ["filenode", {"ro_uri": %q, "metadata": {"ctime": 1}}]}`, file)
	lostCHK := "URI:CHK:" + strings.Repeat("a", 26) + ":" + strings.Repeat("a", 52) + ":2:4:200"
	lostSSK := "URI:SSK:" + strings.Repeat("a", 26) + ":" + strings.Repeat("a", 52)
	readOnly := g.made("GET", path(dir)+"?t=readonly-uri", "")
	tests := []struct {
		method, target, body string
		header               string
		status               int
		want                 string // the answer begins so; "=" before it: is this
		headers              string // of the answer, as "Name: value; Name: value"
	}{
		{"POST", "/uri?t=mkdir", "", "", 200, "URI:DIR2:", ""},
		{"PUT", "/uri", x200, "", 200, "=" + file, ""},
		{"PUT", "/uri?t=mkdir", "", "", 200, "URI:DIR2:", ""},
		{"PUT", "/uri?format=bogus", x200, "", 400, "Unknown format: bogus, I know CHK, SDMF, MDMF", ""},
		{"PUT", "/uri?mutable=true", x200, "", 200, "URI:SSK:", ""},
		{"PUT", "/uri?format=mdmf", x200, "", 200, "URI:MDMF:", ""},
		{"PUT", path(dir, "a", "b", "f.txt"), x200, "", 201, "=" + file, ""},
		{"PUT", path(dir, "a", "b", "f.txt"), x201, "", 200, "URI:CHK:", ""},
		{"PUT", path(dir, "a", "b", "f.txt") + "?replace=false", x201, "", 409, exists, ""},
		{"PUT", path(dir, "m.txt") + "?mutable=true", "ABCDEFGHIJ", "", 201, "URI:SSK:", ""},
		{"PUT", path(dir, "m.txt"), "ABCDEFGHIJ", "", 200, "URI:SSK:", ""},
		{"PUT", path(dir, "m.txt") + "?offset=3", "zz", "", 200, "URI:SSK:", ""},
		{"GET", path(dir, "m.txt"), "", "", 200, "=ABCzzFGHIJ", "Content-Type: text/plain; Content-Length: 10; Accept-Ranges: bytes"},
		{"PUT", path(dir, "a", "b", "f.txt") + "?offset=3", "zz", "", 400, "PUT to a file: append operation invoked on an immutable cap", ""},
		{"GET", path(dir, "a", "b", "f.txt"), "", "", 200, "=" + x201, "Content-Type: text/plain; Content-Length: 201"},
		{"GET", path(file), "", "", 200, "=" + x200, "Content-Type: text/plain; Accept-Ranges: bytes; Content-Length: 200; ETag: SI-"},
		{"GET", path(file) + "?filename=foo.jpg&save=true", "", "", 200, "=" + x200, `Content-Type: image/jpeg; Content-Disposition: attachment, filename="foo.jpg"`},
		{"GET", path(file) + "?save=true", "", "", 200, "=" + x200, `Content-Disposition: attachment, filename="unknown"`},
		{"HEAD", path(file), "", "", 200, "=", "Content-Length: 200"},
		{"GET", path(file), "", "Range: bytes=10-19", 206, "=xxxxxxxxxx", "Content-Range: bytes 10-19/200; Content-Length: 10"},
		{"GET", path(file), "", "Range: bytes=190-", 206, "=xxxxxxxxxx", "Content-Range: bytes 190-199/200"},
		{"GET", path(file), "", "Range: bytes=-5", 206, "=xxxxx", "Content-Range: bytes 195-199/200"},
		{"GET", path(file), "", "Range: bytes=500-600", 416, "First beyond end of file", ""},
		{"GET", path(file), "", "If-None-Match: SI-", 304, "=", ""},
		{"GET", path(file), "", "If-None-Match: bogus", 200, "=" + x200, ""},
		{"GET", "/named" + strings.TrimPrefix(path(file, "foo.png"), "/uri"), "", "", 200, "=" + x200, "Content-Type: image/png"},
		{"GET", "/file" + strings.TrimPrefix(path(file, "@@named=", "foo.png"), "/uri"), "", "", 200, "=" + x200, "Content-Type: image/png"},
		{"GET", "/named" + strings.TrimPrefix(path(dir, "foo"), "/uri"), "", "", 400, "", ""},
		{"GET", "/file", "", "", 404, "/file must be followed by a file-cap and a name", ""},
		{"PUT", "/file" + strings.TrimPrefix(path(file, "foo"), "/uri"), "", "", 400, "/file can only be used with GET or HEAD", ""},
		{"GET", strings.Replace(path(file), "/uri", "/cap", 1), "", "", 200, "=" + x200, ""},
		{"GET", "/uri/" + file, "", "", 200, "=" + x200, ""}, // colons as they are
		{"GET", "/uri?uri=" + url.QueryEscape(file), "", "", 302, "", "Location: " + path(file)},
		{"GET", "/uri?t=json&uri=" + url.QueryEscape(file), "", "", 302, "", "Location: " + path(file) + "?t=json"},
		{"GET", "/uri?uri=bogus", "", "", 400, "Invalid capability", ""},
		{"GET", "/uri", "", "", 400, "GET /uri requires uri=", ""},
		{"GET", path(dir) + "?t=json", "", "", 200, "[\n \"dirnode\",\n {\n  \"children\": {\n   \"a\": [\n    \"dirnode\",\n    {\n     \"mutable\": true,", "Content-Type: text/plain"},
		{"GET", path(dir, "a", "b", "f.txt") + "?t=json", "", "", 200, "[\n \"filenode\",\n {\n  \"mutable\": false,\n  \"format\": \"CHK\",\n  \"size\": 201,", ""},
		{"GET", path(file) + "?t=json", "", "", 200, "[\n \"filenode\",\n {\n  \"mutable\": false,\n  \"format\": \"CHK\",\n  \"size\": 200,", "ETag: SI-json"},
		{"GET", path(dir) + "?t=uri", "", "", 200, "=" + dir, "Content-Type: text/plain"},
		{"GET", path(dir) + "?t=readonly-uri", "", "", 200, "=" + readOnly, ""},
		{"GET", path(file) + "?t=readonly-uri", "", "", 200, "=" + file, ""},
		{"GET", path(dir) + "?t=info", "", "", 200, "<!DOCTYPE html>", "Content-Type: text/html"},
		{"GET", path(file) + "?t=info", "", "", 200, "<!DOCTYPE html>", "Content-Type: text/html"},
		{"GET", path(dir), "", "", 200, "<!DOCTYPE html>", ""},
		{"GET", path(dir) + "/", "", "", 200, "<!DOCTYPE html>", ""},
		{"GET", path(dir) + "?t=rename-form&name=a", "", "", 200, "<!DOCTYPE html>", ""},
		{"GET", path(dir, "nosuch"), "", "", 404, "No such child: nosuch", ""},
		{"GET", path(file, "x"), "", "", 400, "Files have no children named 'x'", ""},
		{"PUT", path(file, "x"), "", "", 409, "Cannot create directory 'x'", ""},
		{"PUT", path(dir, "m.txt", "x"), "", "", 409, "Unable to create directory 'm.txt': a file was in the way", ""},
		{"GET", path(dir) + "?t=bogus", "", "", 400, "GET directory: bad t=bogus", ""},
		{"GET", path(file) + "?t=bogus", "", "", 400, "GET file: bad t=bogus", ""},
		{"GET", "/uri/bogus", "", "", 400, "GET unknown URI type: can only do t=info and t=json, not t=.\nUsing a webapi server that supports a later version of Tahoe may help.", ""},
		{"GET", "/uri/bogus?t=json", "", "", 200, "[\n \"unknown\",", ""},
		{"GET", path(lostCHK), "", "", 410, "NoSharesError: no shares could be found.", "ETag: SI-"},
		{"GET", path(lostSSK), "", "", 410, "UnrecoverableFileError: the directory (or mutable file)", ""},
		{"PUT", path(dir, "linked") + "?t=uri", file, "", 200, "=" + file, ""},
		{"PUT", path(dir, "linked") + "?t=uri&replace=false", file, "", 409, exists, ""},
		{"PUT", path(dir, "a") + "?t=uri&replace=only-files", file, "", 409, exists, ""},
		{"PUT", path(dir, "linked") + "?t=uri&replace=only-files", file, "", 200, "=" + file, ""},
		{"PUT", path(dir, "bad") + "?t=uri", "URI:FUTURE:x", "", 400, "MustNotBeUnknownRWError", ""},
		{"POST", path(dir, "new1") + "?t=mkdir", "", "", 200, "URI:DIR2:", ""},
		{"POST", path(dir) + "?t=mkdir&name=new2", "", "", 200, "URI:DIR2:", ""},
		{"POST", path(dir) + "?t=mkdir&name=new2&replace=false", "", "", 409, exists, ""},
		{"PUT", path(dir, "new3") + "?t=mkdir&format=MDMF", "", "", 200, "URI:DIR2-MDMF:", ""},
		{"POST", "/uri?t=mkdir-with-children", children, "", 200, "URI:DIR2:", ""},
		{"POST", "/uri?t=mkdir", children, "", 400, "t=mkdir does not accept children=, try t=mkdir-with-children instead", ""},
		{"POST", "/uri?t=mkdir&format=CHK", "", "", 400, "format=CHK not accepted", ""},
		{"POST", "/uri?t=mkdir-immutable", children, "", 200, "URI:DIR2-CHK:", ""},
		{"POST", "/uri?t=mkdir-immutable", "", "", 200, "=URI:DIR2-LIT:", ""},
		{"POST", "/uri?t=mkdir-immutable", fmt.Sprintf(`{"d": ["dirnode", {"rw_uri": %q}]}`, dir), "", 400, "MustBeDeepImmutableError", ""},
		{"POST", "/uri?t=mkdir&redirect_to_result=true", "", "", 303, "", "Location: /uri/URI%3ADIR2%3A*"},
		{"POST", path(dir, "x") + "?t=mkdir-with-children", children, "", 200, "URI:DIR2:", ""},
		{"POST", path(dir, "y") + "?t=mkdir-immutable", children, "", 200, "URI:DIR2-CHK:", ""},
		{"POST", path(dir) + "?t=mkdir-with-children&name=z", children, "", 200, "URI:DIR2:", ""},
		{"POST", path(dir) + "?t=mkdir-with-children&name=z", children, "", 409, exists, ""},
		{"POST", path(dir) + "?t=set_children", children, "", 200, "=Okay so I did it.", ""},
		{"POST", path(dir) + "?t=set-children&overwrite=false", children, "", 200, "=Okay so I did it.", ""},
		{"POST", path(dir) + "?t=set_children&replace=false", children, "", 409, exists, ""},
		{"POST", path(dir) + "?t=set_children", "{", "", 400, "the children in the body", ""},
		{"POST", path(dir) + "?t=set_children", `{"x": ["filenode"]}`, "", 400, "the children in the body", ""},
		{"POST", path(dir), noJSON, noJSONType, 400, "the children must be the body of the request", ""},
		{"POST", path(dir), upload1, uploadType, 200, "=" + file, ""},
		{"GET", path(dir, "up.txt"), "", "", 200, "=" + x200, ""},
		{"POST", path(dir), named, namedType, 200, "=" + file, ""},
		{"GET", path(dir, "named"), "", "", 200, "=" + x200, ""},
		{"POST", path(dir), done, doneType, 302, "", "Location: /there"},
		{"POST", path(dir) + "?t=upload", "", "", 400, "t=upload requires a form", ""},
		{"POST", "/uri", upload1, uploadType, 200, "<!DOCTYPE html>", ""},
		{"POST", "/uri?when_done=%2Fx%2F%25%28uri%29s", upload1, uploadType, 302, "", "Location: /x/" + strings.TrimPrefix(path(file), "/uri/")},
		{"POST", "/uri?format=sdmf", upload1, uploadType, 200, "URI:SSK:", ""},
		{"POST", path(dir, "m.txt"), upload1, uploadType, 200, "URI:SSK:", ""},
		{"GET", path(dir, "m.txt"), "", "", 200, "=" + x200, ""},
		{"POST", path(dir) + "?t=uri&name=linked2&uri=" + url.QueryEscape(file), "", "", 200, "=" + file, ""},
		{"POST", path(dir) + "?t=rename&from_name=linked2&to_name=renamed", "", "", 200, "=thing moved", ""},
		{"POST", path(dir) + "?t=rename&from_name=renamed&to_name=k1&replace=false", "", "", 409, exists, ""},
		{"POST", path(dir) + "?t=rename&from_name=nosuch&to_name=k1", "", "", 404, "No such child: nosuch", ""},
		{"POST", path(dir) + "?t=rename&from_name=k1", "", "", 400, "to_name= is required for rename", ""},
		{"POST", path(dir) + "?t=rename&from_name=k1&to_name=a%2Fb", "", "", 400, "to_name= may not contain a slash", ""},
		{"POST", path(dir) + "?t=relink&from_name=renamed&to_dir=" + url.QueryEscape(dir+"/a/b"), "", "", 200, "=thing moved", ""},
		{"GET", path(dir, "a", "b", "renamed"), "", "", 200, "=" + x200, ""},
		{"POST", path(dir) + "?t=relink&from_name=k1&to_dir=" + url.QueryEscape(file), "", "", 400, "to_dir is not a directory", ""},
		{"POST", path(dir), "t=delete&name=named", "Content-Type: application/x-www-form-urlencoded", 200, "=thing unlinked", ""},
		{"POST", path(dir) + "?t=unlink&name=named", "", "", 404, "No such child: named", ""},
		{"DELETE", path(dir, "linked"), "", "", 200, "=" + file, ""},
		{"DELETE", path(dir, "linked"), "", "", 404, "No such child: linked", ""},
		{"DELETE", path(dir), "", "", 400, "", ""},
		{"POST", path(dir) + "?t=check", "", "", 501, "", ""},
		{"POST", path(dir) + "?t=start-deep-check", "", "", 400, "slow operation requires ophandle=", ""},
		{"POST", path(dir) + "?t=start-deep-check&ophandle=1", "", "", 501, "", ""},
		{"POST", path(file) + "?t=stream-manifest", "", "", 400, "POST to file: bad t=stream-manifest", ""},
		{"POST", path(dir) + "?t=bogus", "", "", 400, "POST to a directory with bad t=bogus", ""},
		{"POST", "/uri?t=bogus", "", "", 400, "/uri accepts only PUT, PUT?t=mkdir, POST?t=upload, and POST?t=mkdir", ""},
		{"OPTIONS", path(dir), "", "", 501, "I don't know how to treat a OPTIONS request.", ""},
		{"PUT", path(dir, "x1") + "?t=bogus", "", "", 404, "No such child: x1", ""},
		{"PUT", path(dir), "", "", 400, "PUT to a directory", ""},
		{"PUT", path(file), "", "", 400, "PUT to a file", ""},
		{"PUT", path(dir, "part"), "", "Content-Range: bytes 0-1/2", 501, "Content-Range in PUT not yet supported", ""},
		{"PUT", path(readOnly, "ro"), x200, "", 500, "NotWriteableError", ""},
		{"GET", path(readOnly) + "?t=json", "", "", 200, "[\n \"dirnode\",", ""},
		{"PUT", path(dir) + "//x", x200, "", 400, "The webapi does not allow empty pathname components, i.e. a double slash", ""},
		{"PUT", path(dir) + "/%ff", x200, "", 400, "The path is not UTF-8.", ""},
		{"PUT", path(dir, "é/ü?#"), x200, "", 201, "=" + file, ""},
		{"GET", path(dir, "e\u0301/ü?#"), "", "", 200, "=" + x200, ""},
		{"PUT", path(dir, "b") + "?replace=maybe", x200, "", 400, "invalid replace= argument", ""},
		{"PUT", path(dir, "b") + "?offset=x", x200, "", 400, "offset= must be a number of bytes", ""},
		{"PUT", "/uri?format=SDMF&private-key=AAAA", x200, "", 400, "private-key= is no RSA private key", ""},
	}
	for _, tt := range tests {
		t.Run(tt.method+" "+shorten(tt.target), func(t *testing.T) {
			header, wanted := g.withTag(file, tt.header), tt.headers
			headers := []string{}
			if header != "" {
				headers = []string{header}
			}
			w := g.ask(tt.method, tt.target, tt.body, headers...)
			require.Equal(t, tt.status, w.Code, "%s", w.Body)
			if exact, ok := strings.CutPrefix(tt.want, "="); ok {
				require.Equal(t, exact, w.Body.String())
			}
			require.True(t, strings.HasPrefix(w.Body.String(), strings.TrimPrefix(tt.want, "=")), "%s", w.Body)
			checkHeaders(t, w.Header(), wanted)
		})
	}
}

// withTag puts the tag of a file in place of SI-.
func (g *gateway) withTag(file, header string) string {
	c, err := uri.Parse(file)
	require.NoError(g.t, err)
	return strings.Replace(header, "SI-", siOf(c).String()+"-", 1)
}

func shorten(target string) string {
	return strings.ReplaceAll(target[:min(len(target), 110)], "/", "|")
}

func checkHeaders(t *testing.T, got http.Header, want string) {
	t.Helper()
	if want == "" {
		return
	}
	for one := range strings.SplitSeq(want, "; ") {
		name, value, _ := strings.Cut(one, ": ")
		value = strings.ReplaceAll(value, ", filename", "; filename")
		switch prefix, isPrefix := strings.CutSuffix(value, "*"); {
		case name == "ETag":
			require.True(t, strings.HasSuffix(got.Get(name), strings.TrimPrefix(value, "SI")), got.Get(name))
			require.Len(t, got.Get(name), 26+len(value)-len("SI"))
		case isPrefix:
			require.True(t, strings.HasPrefix(got.Get(name), prefix), got.Get(name))
		case name == "Content-Type":
			require.True(t, strings.HasPrefix(got.Get(name), value), got.Get(name))
		default:
			require.Equal(t, value, got.Get(name), name)
		}
	}
}

func TestDirectoryJSON(t *testing.T) {
	g := newGateway(t)
	file := g.made("PUT", "/uri", x200)
	dir := g.made("POST", "/uri?t=mkdir-with-children",
		fmt.Sprintf(`{"é\u0001\"😀": ["filenode", {"ro_uri": %q, "metadata": {"mine": [1, "ö"]}}], "m": ["x", {"ro_uri": "URI:FUTURE:a"}]}`, file))
	g.made("PUT", path(dir, "sub")+"?t=mkdir", "")
	text := g.made("GET", path(dir)+"?t=json", "")
	for _, c := range []byte(text) {
		require.Less(t, c, byte(0x80), "ASCII only")
	}
	var answer []any
	require.NoError(t, json.Unmarshal([]byte(text), &answer))
	contents := answer[1].(map[string]any)
	require.Equal(t, "dirnode", answer[0])
	require.Equal(t, dir, contents["rw_uri"])
	require.Equal(t, true, contents["mutable"])
	require.Contains(t, contents["verify_uri"], "URI:DIR2-Verifier:")
	children := contents["children"].(map[string]any)
	child := children["é\x01\"😀"].([]any)
	require.Equal(t, "filenode", child[0])
	require.Equal(t, map[string]any{"mine": []any{1.0, "ö"}}, child[1].(map[string]any)["metadata"])
	require.Equal(t, 200.0, child[1].(map[string]any)["size"])
	require.Equal(t, file, child[1].(map[string]any)["ro_uri"])
	require.NotContains(t, child[1], "rw_uri")
	unknown := children["m"].([]any)
	require.Equal(t, "unknown", unknown[0])
	require.Equal(t, "ro.URI:FUTURE:a", unknown[1].(map[string]any)["ro_uri"])
	sub := children["sub"].([]any)
	require.Equal(t, "dirnode", sub[0])
	require.Contains(t, sub[1].(map[string]any)["rw_uri"], "URI:DIR2:")
	tahoe := sub[1].(map[string]any)["metadata"].(map[string]any)["tahoe"].(map[string]any)
	require.Equal(t, float64(at.Unix()), tahoe["linkcrtime"])
}

func TestPages(t *testing.T) {
	g := newGateway(t)
	dir := g.made("POST", "/uri?t=mkdir", "")
	file := g.made("PUT", path(dir, "<b>&é"), x200)
	page := g.made("GET", path(dir), "")
	require.Contains(t, page, "&lt;b&gt;&amp;é")
	require.NotContains(t, page, "<b>")
	require.Contains(t, page, `href="`+strings.Replace(path(file), "/uri", "/file", 1))
	require.Contains(t, page, `value="Upload"`)
	readOnly := g.made("GET", path(dir)+"?t=readonly-uri", "")
	require.Contains(t, page, path(readOnly))
	page = g.made("GET", path(readOnly), "")
	require.NotContains(t, page, `value="Upload"`)
	require.NotContains(t, page, path(dir))
	require.Contains(t, g.made("GET", path(dir)+"?t=rename-form&name=%3Cb%3E", ""), `value="&lt;b&gt;"`)
	require.Contains(t, g.made("GET", path(file)+"?t=info", ""), "200 bytes")
}

// TestCutShort: a body that ends too early must never become a file.
func TestCutShort(t *testing.T) {
	g := newGateway(t)
	server := httptest.NewServer(http.HandlerFunc(g.ServeURI))
	defer server.Close()
	dir := g.made("POST", "/uri?t=mkdir", "")
	broken := func() io.Reader {
		return io.MultiReader(strings.NewReader(x200), brokenReader{})
	}
	for _, target := range []string{"/uri", path(dir, "x"), path(dir, "x") + "?format=MDMF"} {
		r, err := http.NewRequest(http.MethodPut, server.URL+target, broken())
		require.NoError(t, err)
		answer, err := http.DefaultClient.Do(r)
		if err == nil {
			require.Equal(t, http.StatusBadRequest, answer.StatusCode)
			_ = answer.Body.Close()
		}
	}
	server.Close() // waits for the handlers
	require.Empty(t, g.grid.files)
	body, contentType := form("t=upload", "file=cut:"+x200)
	w := g.ask("POST", path(dir), body[:len(body)-90], contentType)
	require.Equal(t, http.StatusBadRequest, w.Code, "%s", w.Body)
	require.Empty(t, g.grid.files)
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, errors.New("broken") }

// TestLostInTheMiddle: a download that cannot go on must not look complete.
func TestLostInTheMiddle(t *testing.T) {
	g := newGateway(t)
	file := g.made("PUT", "/uri", x200)
	g.grid.stopAfter = 50
	require.PanicsWithValue(t, http.ErrAbortHandler, func() { g.ask("GET", path(file), "") })
	require.Equal(t, http.StatusPartialContent, g.ask("GET", path(file), "", "Range: bytes=0-40").Code)
}

func TestProhibited(t *testing.T) {
	g := newGateway(t)
	dir := g.made("POST", "/uri?t=mkdir", "")
	file := g.made("PUT", path(dir, "x"), x200)
	c, err := uri.Parse(file)
	require.NoError(t, err)
	g.grid.prohibited[siOf(c)] = "not here"
	for _, target := range []string{path(file), path(dir, "x")} {
		w := g.ask("GET", target, "")
		require.Equal(t, http.StatusForbidden, w.Code)
		require.Contains(t, w.Body.String(), "Access Prohibited: not here")
	}
	require.Equal(t, http.StatusOK, g.ask("GET", path(dir), "").Code)
	require.Equal(t, http.StatusOK, g.ask("DELETE", path(dir, "x"), "").Code)
}

func TestFailures(t *testing.T) {
	tests := []struct {
		err    error
		status int
		text   string
	}{
		{&mutable.NoMajorityError{Servers: 1, AllServers: 3}, 503, "no majority of the directory's servers"},
		{&mutable.UncoordinatedWriteError{Attempts: 3}, 503, "UncoordinatedWriteError"},
		{&upload.UnhappinessError{Reason: "too few servers"}, 500, "UploadUnhappinessError: too few servers"},
		{upload.ErrNoServers, 500, "NoServersError"},
		{&mutable.TooLargeError{Size: 2, Limit: 1}, 413, "FileTooLargeError"},
		{errors.New("URI:SSK:secret"), 500, "The node could not answer this; its log says why."},
	}
	for _, tt := range tests {
		g := newGateway(t)
		dir := g.made("POST", "/uri?t=mkdir", "")
		g.grid.failWith = fmt.Errorf("wrapped: %w", tt.err)
		w := g.ask("PUT", path(dir, "x"), x200)
		require.Equal(t, tt.status, w.Code, "%v", tt.err)
		require.True(t, strings.HasPrefix(w.Body.String(), tt.text), "%s", w.Body)
	}
}

func TestLimits(t *testing.T) {
	g := newGateway(t)
	dir := g.made("POST", "/uri?t=mkdir", "")
	tooLong := strings.Repeat("x", webfiles.MaxField+1)
	require.Equal(t, 413, g.ask("PUT", path(dir, "x")+"?t=uri", tooLong).Code)
	body, contentType := form("t=mkdir", "name="+tooLong)
	require.Equal(t, 413, g.ask("POST", path(dir), body, contentType).Code)
	require.Equal(t, 413, g.ask("PUT", "/uri?format=SDMF", strings.Repeat("x", 1<<20+1)).Code)
}

// TestFieldsBehindTheFile: browsers send fields in the order of the page.
func TestFieldsBehindTheFile(t *testing.T) {
	g := newGateway(t)
	dir := g.made("POST", "/uri?t=mkdir", "")
	body, contentType := form("file=up:"+x200, "name=other", "format=MDMF", "t=upload")
	require.Contains(t, g.made("POST", path(dir), body, contentType), "URI:MDMF:")
	require.Equal(t, x200, g.made("GET", path(dir, "other"), ""))
}

func TestPrivateKey(t *testing.T) {
	g := newGateway(t)
	key, err := rsakey.Generate(nil)
	require.NoError(t, err)
	want := mutable.WriteCap(uri.SDMF, key)
	made := g.made("POST", "/uri?t=mkdir&private-key="+base64.URLEncoding.EncodeToString(key.DER()), "")
	dir, err := uri.NewDirectory(want)
	require.NoError(t, err)
	require.Equal(t, dir.Text(), made)
}
