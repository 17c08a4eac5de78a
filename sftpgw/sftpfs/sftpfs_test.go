package sftpfs_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pkg/sftp"
	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/common/secret"
	"github.com/besn0847/arm-tahoe/sftpgw/memtree"
	"github.com/besn0847/arm-tahoe/sftpgw/sftpfs"
)

const (
	read = 1 << iota
	write
	appending
	create
	truncate
	exclusive
)

// world is a gateway, and a session of it.
type world struct {
	*testing.T
	grid    *memtree.Grid
	gateway *sftpfs.Gateway
	session *sftpfs.Session
	sftp.Handlers
}

func newWorld(t *testing.T, configure ...func(*sftpfs.Config)) *world {
	grid := memtree.New("home", "other")
	config := sftpfs.Config{Roots: grid, SpoolDir: t.TempDir(), Location: time.FixedZone("here", 3600), Log: slog.New(slog.NewTextHandler(t.Output(), nil))}
	for _, c := range configure {
		c(&config)
	}
	w := &world{T: t, grid: grid, gateway: sftpfs.New(config)}
	w.session = w.login("home")
	w.Handlers = w.session.Handlers()
	return w
}

func (w *world) login(cap string) *sftpfs.Session {
	s, err := w.gateway.Open(w.Context(), "tahoe", secret.NewCapText([]byte(cap)))
	require.NoError(w, err)
	return s
}

// file is what all open files can do.
type file interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
}

func (w *world) open(path string, flags uint32) (file, error) {
	r := sftp.NewRequest("Open", path)
	r.Flags = flags
	f, err := w.FilePut.(sftp.OpenFileWriter).OpenFile(r)
	if err != nil {
		return nil, err
	}
	return f.(file), nil
}

func (w *world) put(path, content string) {
	f, err := w.open(path, write|create|truncate)
	require.NoError(w, err)
	_, err = f.WriteAt([]byte(content), 0)
	require.NoError(w, err)
	require.NoError(w, f.Close())
}

func (w *world) get(path string) string {
	f, err := w.open(path, read)
	require.NoError(w, err)
	defer f.Close()
	return content(w.T, f)
}

func content(t *testing.T, f io.ReaderAt) string {
	all, err := io.ReadAll(io.NewSectionReader(f, 0, 1<<30))
	require.NoError(t, err)
	return string(all)
}

func (w *world) stat(path string) (os.FileInfo, error) {
	list, err := w.FileList.Filelist(sftp.NewRequest("Stat", path))
	if err != nil {
		return nil, err
	}
	infos := make([]os.FileInfo, 1)
	_, err = list.ListAt(infos, 0)
	if err == io.EOF {
		err = nil
	}
	return infos[0], err
}

func (w *world) names(path string) (names []string) {
	list, err := w.FileList.Filelist(sftp.NewRequest("List", path))
	require.NoError(w, err)
	infos := make([]os.FileInfo, 100)
	n, err := list.ListAt(infos, 0)
	if err != io.EOF {
		require.NoError(w, err)
	}
	for _, i := range infos[:n] {
		names = append(names, fmt.Sprintf("%s %d", i.Name(), i.Size()))
	}
	require.NoError(w, list.(io.Closer).Close())
	return names
}

func (w *world) do(method, path, target string) error {
	r := sftp.NewRequest(method, path)
	if target != "" {
		r.Target = target
	}
	if method == "PosixRename" {
		return w.FileCmd.(sftp.PosixRenameFileCmder).PosixRename(r)
	}
	return w.FileCmd.Filecmd(r)
}

func TestOpenFlags(t *testing.T) {
	missing, exists, invalid := sftp.ErrSSHFxNoSuchFile, sftp.ErrSSHFxFailure, sftp.ErrSSHFxBadMessage
	cases := []struct {
		name         string
		flags        uint32
		whenMissing  error // of open, when there is no file
		whenThere    error // and when there is one with the content "old content"
		made, result string
	}{
		{"nothing", 0, invalid, invalid, "", "old content"},
		{"read", read, missing, nil, "", "old content"},
		{"write", write, missing, nil, "", "NEWcontent!"},
		{"read and write", read | write, missing, nil, "", "NEWcontent!"},
		{"create", write | create, nil, nil, "NEW", "NEWcontent!"},
		{"create, truncate", write | create | truncate, nil, nil, "NEW", "NEW"},
		{"truncate", write | truncate, missing, nil, "", "NEW"},
		{"create, exclusive", write | create | exclusive, nil, exists, "NEW", "old content"},
		{"exclusive alone counts for nothing", write | exclusive, missing, nil, "", "NEWcontent!"},
		{"append", write | appending, missing, nil, "", "old contentNEW"},
		{"create, append", write | create | appending, nil, nil, "NEW", "old contentNEW"},
		{"create to read", read | create, nil, nil, "", "old content"},
	}
	for _, c := range cases {
		for _, there := range []bool{false, true} {
			t.Run(fmt.Sprint(c.name, " there ", there), func(t *testing.T) {
				w, want, result := newWorld(t), c.whenMissing, c.made
				if there {
					w.put("/file", "old content")
					want, result = c.whenThere, strings.Replace(c.result, "NEWcontent!", "NEW content", 1)
				}
				f, err := w.open("/file", c.flags)
				if want != nil {
					require.ErrorIs(t, err, want)
					return
				}
				require.NoError(t, err)
				_, err = f.WriteAt([]byte("NEW"), 0)
				require.Equal(t, c.flags&write != 0, err == nil)
				_, err = f.ReadAt(make([]byte, 1), 0)
				require.Equal(t, c.flags&read != 0, err == nil || err == io.EOF)
				require.NoError(t, f.Close())
				require.Equal(t, result, w.get("/file"))
			})
		}
	}
}

func TestBadInputGetsTheStatusOfOpenSSH(t *testing.T) {
	w := newWorld(t)
	w.grid.AddFile("a-file", "content")
	w.put("/file", "content")
	require.NoError(t, w.do("Mkdir", "/dir", ""))
	w.put("/dir/file", "content")
	missing, denied, failure, invalid, unsupported := sftp.ErrSSHFxNoSuchFile, sftp.ErrSSHFxPermissionDenied, sftp.ErrSSHFxFailure, sftp.ErrSSHFxBadMessage, sftp.ErrSSHFxOpUnsupported
	cases := []struct {
		method, path, target string
		want                 error
	}{
		{"Mkdir", "/" + strings.Repeat("n", 4096), "", invalid},
		{"Mkdir", "/" + strings.Repeat("n", 256), "", invalid},
		{"Mkdir", "/" + strings.Repeat("n", 255), "", nil},
		{"Mkdir", "/\xff\xfe", "", missing},
		{"Mkdir", "/a\x00b", "", missing},
		{"Mkdir", "/", "", failure},
		{"Mkdir", "/..", "", failure},
		{"Mkdir", "/dir", "", failure},
		{"Mkdir", "/none/dir", "", missing},
		{"Mkdir", "/file/dir", "", missing},
		{"Mkdir", "/uri/ro-home/dir2", "", denied},
		{"Mkdir", "/uri/nonsense/dir2", "", missing},
		{"Mkdir", "/uri", "", missing},
		{"Mkdir", "/../../dir/../made", "", nil},
		{"Remove", "/dir", "", failure},
		{"Remove", "/none", "", missing},
		{"Remove", "/", "", failure},
		{"Rmdir", "/file", "", missing},
		{"Rmdir", "/dir", "", failure},
		{"Rmdir", "/", "", failure},
		{"Rename", "/file", "/dir/file", failure},
		{"Rename", "/none", "/file2", missing},
		{"Rename", "/dir", "/dir/inside", invalid},
		{"Rename", "/", "/root", failure},
		{"PosixRename", "/file", "/dir", failure},
		{"PosixRename", "/dir", "/file", missing},
		{"PosixRename", "/file", "/file", nil},
		{"Link", "/dir", "/dir2", denied},
		{"Link", "/file", "/dir", failure},
		{"Link", "/file", "/linked", nil},
		{"Symlink", "/file", "/soft", unsupported},
	}
	for _, c := range cases {
		name := fmt.Sprintf("%s %.20q %s", c.method, c.path, c.target)
		t.Run(name, func(t *testing.T) {
			err := w.do(c.method, c.path, c.target)
			if c.want == nil {
				require.NoError(t, err)
			} else {
				require.ErrorIs(t, err, c.want)
			}
		})
	}
	_, err := w.open("/dir", read)
	require.ErrorIs(t, err, failure)
	_, err = w.open("/", write|create)
	require.ErrorIs(t, err, failure)
	require.Equal(t, "content", w.get("/uri/a-file"))
	_, err = w.open("/uri/a-file", write)
	require.ErrorIs(t, err, denied)
	_, err = w.FileList.(sftp.ReadlinkFileLister).Readlink("/file")
	require.ErrorIs(t, err, unsupported)
}

func TestStatusOfErrors(t *testing.T) {
	for errno, want := range map[error]error{
		syscall.ENOENT: sftp.ErrSSHFxNoSuchFile, syscall.ENOTDIR: sftp.ErrSSHFxNoSuchFile, syscall.EBADF: sftp.ErrSSHFxNoSuchFile,
		fs.ErrNotExist: sftp.ErrSSHFxNoSuchFile, &sftpfs.MissingError{}: sftp.ErrSSHFxNoSuchFile,
		syscall.EACCES: sftp.ErrSSHFxPermissionDenied, syscall.EPERM: sftp.ErrSSHFxPermissionDenied, fs.ErrPermission: sftp.ErrSSHFxPermissionDenied,
		syscall.EINVAL: sftp.ErrSSHFxBadMessage, syscall.ENAMETOOLONG: sftp.ErrSSHFxBadMessage,
		syscall.EOPNOTSUPP: sftp.ErrSSHFxOpUnsupported, syscall.ENOSYS: sftp.ErrSSHFxOpUnsupported,
		syscall.EEXIST: sftp.ErrSSHFxFailure, syscall.ENOTEMPTY: sftp.ErrSSHFxFailure, syscall.EISDIR: sftp.ErrSSHFxFailure,
		syscall.ENOSPC: sftp.ErrSSHFxFailure, syscall.EFBIG: sftp.ErrSSHFxFailure, syscall.EMFILE: sftp.ErrSSHFxFailure,
		errors.New("3 of 10 servers"): sftp.ErrSSHFxFailure,
	} {
		status := sftpfs.Status(fmt.Errorf("upload: %w", errno))
		require.ErrorIs(t, status, want, errno)
		require.Equal(t, "upload: "+errno.Error(), status.Error())
		require.Equal(t, status, sftpfs.Status(status))
	}
	require.NoError(t, sftpfs.Status(nil))
	require.Equal(t, io.EOF, sftpfs.Status(io.EOF))
	require.LessOrEqual(t, len(sftpfs.Status(errors.New(strings.Repeat("é", 999))).Error()), 300)
}

func TestWritesAtTheEdge(t *testing.T) {
	w := newWorld(t, func(c *sftpfs.Config) { c.SpoolSize = 1000 })
	f, err := w.open("/file", read|write|create)
	require.NoError(t, err)
	for _, offset := range []int64{1 << 62, -1, sftpfs.MaxFileSize} {
		_, err = f.WriteAt([]byte("x"), offset)
		require.ErrorIs(t, err, sftp.ErrSSHFxFailure)
	}
	_, err = f.WriteAt(make([]byte, 1001), 0)
	require.ErrorContains(t, err, "no space left")
	_, err = f.WriteAt([]byte("x"), 500)
	require.NoError(t, err)
	require.Equal(t, strings.Repeat("\x00", 500)+"x", content(t, f))
	require.NoError(t, f.Close())
}

func TestHandlesAreBounded(t *testing.T) {
	w := newWorld(t, func(c *sftpfs.Config) { c.HandlesPerUser = sftpfs.HandlesPerSession + 1 })
	var files []file
	for i := range sftpfs.HandlesPerSession {
		f, err := w.open(fmt.Sprint("/file", i), write|create)
		require.NoError(t, err)
		files = append(files, f)
	}
	_, err := w.open("/more", write|create)
	require.ErrorContains(t, err, "too many open files")
	w.Handlers = w.login("home").Handlers()
	f, err := w.open("/more", write|create)
	require.NoError(t, err)
	_, err = w.open("/evenmore", write|create)
	require.ErrorContains(t, err, "too many open files", "of one user, in all sessions")
	for _, f := range append(files, f) {
		require.NoError(t, f.Close())
		require.Error(t, f.Close(), "a second time")
	}
	_, err = w.open("/evenmore", write|create)
	require.NoError(t, err)
}

func TestWhatIsWrittenIsVisible(t *testing.T) {
	w := newWorld(t)
	f, err := w.open("/new", write|create)
	require.NoError(t, err)
	_, err = f.WriteAt([]byte("12345"), 0)
	require.NoError(t, err)

	w.Handlers = w.login("home").Handlers() // another session
	require.Equal(t, []string{"new 5"}, w.names("/"))
	require.Equal(t, "12345", w.get("/new"))
	require.ErrorIs(t, w.do("Mkdir", "/new", ""), sftp.ErrSSHFxFailure)
	second, err := w.open("/new", read|write)
	require.NoError(t, err)
	_, err = second.WriteAt([]byte("X"), 1)
	require.NoError(t, err)
	require.NoError(t, second.Close())
	require.NoError(t, f.Close())
	require.Equal(t, "1X345", w.get("/new"))
	require.Zero(t, w.gateway.SpoolUsed())
}

func TestRenameAndRemoveOfOpenFiles(t *testing.T) {
	t.Run("renamed", func(t *testing.T) {
		w := newWorld(t)
		w.put("/target", "old")
		f, err := w.open("/tmp", write|create)
		require.NoError(t, err)
		_, err = f.WriteAt([]byte("a"), 0)
		require.NoError(t, err)
		require.ErrorIs(t, w.do("Rename", "/tmp", "/target"), sftp.ErrSSHFxFailure)
		require.NoError(t, w.do("PosixRename", "/tmp", "/target"))
		_, err = f.WriteAt([]byte("b"), 1)
		require.NoError(t, err)
		require.NoError(t, f.Close())
		require.Equal(t, []string{"target 2"}, w.names("/"))
		require.Equal(t, "ab", w.get("/target"))
	})
	t.Run("the directory renamed", func(t *testing.T) {
		w := newWorld(t)
		require.NoError(t, w.do("Mkdir", "/one", ""))
		f, err := w.open("/one/file", write|create)
		require.NoError(t, err)
		require.ErrorIs(t, w.do("Rmdir", "/one", ""), sftp.ErrSSHFxFailure)
		require.NoError(t, w.do("Rename", "/one", "/two"))
		_, err = f.WriteAt([]byte("a"), 0)
		require.NoError(t, err)
		require.NoError(t, f.Close())
		require.Equal(t, "a", w.get("/two/file"))
	})
	t.Run("removed", func(t *testing.T) {
		w := newWorld(t)
		w.put("/stored", "old")
		for _, path := range []string{"/new", "/stored"} {
			f, err := w.open(path, read|write|create)
			require.NoError(t, err)
			require.NoError(t, w.do("Remove", path, ""))
			_, err = w.stat(path)
			require.ErrorIs(t, err, sftp.ErrSSHFxNoSuchFile)
			_, err = f.WriteAt([]byte("x"), 0)
			require.NoError(t, err)
			require.NoError(t, f.Close())
		}
		require.Empty(t, w.names("/"))
	})
	t.Run("replaced", func(t *testing.T) {
		w := newWorld(t)
		w.put("/file", "old")
		w.put("/other", "other")
		f, err := w.open("/file", write)
		require.NoError(t, err)
		_, err = f.WriteAt([]byte("X"), 0)
		require.NoError(t, err)
		require.NoError(t, w.do("PosixRename", "/other", "/file"))
		require.NoError(t, f.Close())
		require.Equal(t, "other", w.get("/file"))
	})
}

func TestErrorsOfStoringReachClose(t *testing.T) {
	w := newWorld(t)
	f, err := w.open("/file", write|create)
	require.NoError(t, err)
	w.grid.Fail(errors.New("only 2 of 5 servers took shares"))
	require.EqualError(t, f.Close(), "only 2 of 5 servers took shares")
	require.Empty(t, w.names("/"))
	require.Zero(t, w.gateway.SpoolUsed())
}

func TestASessionThatBreaksStoresNothing(t *testing.T) {
	w := newWorld(t)
	w.put("/file", "precious")
	f, err := w.open("/file", write|truncate)
	require.NoError(t, err)
	_, err = f.WriteAt([]byte("half"), 0)
	require.NoError(t, err)
	f.(sftp.TransferError).TransferError(io.ErrUnexpectedEOF)
	require.NoError(t, f.Close())
	require.Equal(t, "precious", w.get("/file"))
}

func TestOnlyChangesOfMutableFilesAreStored(t *testing.T) {
	w := newWorld(t)
	w.grid.AddMutable("home", "image", strings.Repeat("a", 100_000))
	f, err := w.open("/image", read|write)
	require.NoError(t, err)
	file := f.(*sftpfs.FileHandle)
	want := []byte(strings.Repeat("a", 100_000))
	for i := range 10 {
		offset := i * 9000
		copy(want[offset:], "changed")
		_, err = f.WriteAt([]byte("changed"), int64(offset))
		require.NoError(t, err)
		require.NoError(t, file.Sync())
	}
	calls, changed := w.grid.Stores()
	require.EqualValues(t, 10, calls)
	require.EqualValues(t, 70, changed)
	require.Equal(t, string(want), content(t, f))
	require.NoError(t, f.Close())
	calls, _ = w.grid.Stores()
	require.EqualValues(t, 10, calls, "nothing has changed since")
}

func TestFilesAgainstAModel(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 7))
	w := newWorld(t)
	model := []byte(strings.Repeat("0123456789", 500))
	w.put("/file", string(model))
	f, err := w.open("/file", read|write)
	require.NoError(t, err)
	for i := range 300 {
		switch offset := random.IntN(6000); random.IntN(8) {
		case 0:
			require.NoError(t, truncateTo(w, offset))
			model = append(model, make([]byte, max(0, offset-len(model)))...)[:offset]
		case 1:
			require.NoError(t, f.(*sftpfs.FileHandle).Sync())
		default:
			p := []byte(strings.Repeat(string(rune('a'+i%26)), random.IntN(300)+1))
			_, err := f.WriteAt(p, int64(offset))
			require.NoError(t, err)
			model = append(model, make([]byte, max(0, offset+len(p)-len(model)))...)
			copy(model[offset:], p)
		}
		require.Equal(t, string(model), content(t, f))
	}
	require.NoError(t, f.Close())
	require.Equal(t, string(model), w.get("/file"))
}

func truncateTo(w *world, size int) error {
	r := sftp.NewRequest("Setstat", "/file")
	r.Flags, r.Attrs = 1, []byte{0, 0, 0, 0, 0, 0, byte(size >> 8), byte(size)}
	return w.FileCmd.Filecmd(r)
}

func TestManyScatteredWritesStayBounded(t *testing.T) {
	w := newWorld(t)
	w.put("/file", strings.Repeat("-", 30_000))
	f, err := w.open("/file", read|write)
	require.NoError(t, err)
	want := []byte(strings.Repeat("-", 30_000))
	for i := range 10_000 {
		_, err := f.WriteAt([]byte("x"), int64(3*i))
		require.NoError(t, err)
		want[3*i] = 'x'
	}
	require.Equal(t, string(want), content(t, f))
	require.NoError(t, f.Close())
	require.Equal(t, string(want), w.get("/file"))
}

func TestNamesAndAttributes(t *testing.T) {
	w := newWorld(t)
	w.put("/caf\u00e9", "composed")
	require.Equal(t, "composed", w.get("/cafe\u0301"))
	r := sftp.NewRequest("Setstat", "/cafe\u0301")
	r.Flags = 2 | 4 | 8 // owner, permissions, times
	r.Attrs = []byte{0, 0, 0, 9, 0, 0, 0, 9, 0, 0, 0x81, 0x24, 1, 1, 1, 1, 2, 2, 2, 2}
	require.NoError(t, w.FileCmd.Filecmd(r))
	info, err := w.stat("/caf\u00e9")
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o444), info.Mode())
	require.EqualValues(t, 0x02020202, info.ModTime().Unix())
	require.Equal(t, "here", info.ModTime().Location().String())
	_, err = w.open("/caf\u00e9", write)
	require.ErrorIs(t, err, sftp.ErrSSHFxPermissionDenied, "no-write")
	lookup := w.FileList.(sftp.NameLookupFileLister)
	require.Equal(t, "tahoe", lookup.LookupUserName("1000"))
	require.NoError(t, w.do("Rename", "/caf\u00e9", "/uri/other/moved"))
	require.Equal(t, "composed", w.get("/uri/other/moved"))
}
