package mutable

import (
	"context"
	"errors"
	"fmt"

	"github.com/besn0847/arm-tahoe/common/broker"
	"github.com/besn0847/arm-tahoe/common/grid"
	"github.com/besn0847/arm-tahoe/common/mutablelayout"
	"github.com/besn0847/arm-tahoe/common/taggedhash"
)

// surveySize is how much of each share a survey reads: the head of every share,
// the keys and the signature of most, and all of a small file. 1.20 reads 4000
// bytes.
const surveySize = 4096

// checkSize is how much of a share identifies its version: the signed part.
const checkSize = 75

// A Share is one share that a survey found on a server.
type Share struct {
	Server *broker.Server
	Num    int
	// Head is the beginning of the share. It is verified if Err is nil, and not
	// to be used otherwise.
	Head mutablelayout.Head
	// Err says what is wrong with the share, or that it could not be read.
	Err error

	start  []byte // its first checkSize bytes, fewer if it is shorter
	prefix []byte // its first surveySize bytes; nil if they were let go
	lost   bool   // the server does not answer now
	// absent says that there is no such share: nobody holds this number, and
	// this server is to get it with the next version.
	absent bool
}

// corrupt reports whether the share failed a check.
func (s *Share) corrupt() bool { return s.Err != nil && !s.lost && !s.absent }

// errAbsent says that a share is still to be made.
var errAbsent = errors.New("no such share yet")

// errChanged says that a share is of another version than before.
var errChanged = errors.New("share was changed meanwhile")

// errLost says that the server of a share did not answer.
var errLost = errors.New("server does not answer")

// readAreas returns areas of the share, those beyond what is known already in
// one call. Every call makes sure that the share still is of its version. The
// slices must not be changed.
func (s *Share) readAreas(ctx context.Context, f *File, areas ...mutablelayout.Area) ([][]byte, error) {
	found := make([][]byte, len(areas))
	vectors := []grid.ReadVector{{Offset: 0, Length: checkSize}}
	var missing []int
	for i, a := range areas {
		if a.End() <= int64(len(s.prefix)) {
			found[i] = s.prefix[a.Offset:a.End()]
			continue
		}
		missing = append(missing, i)
		vectors = append(vectors, grid.ReadVector{Offset: a.Offset, Length: a.Size})
	}
	if len(missing) == 0 {
		return found, nil
	}
	data, err := f.readv(ctx, s, vectors)
	if err != nil {
		return nil, err
	}
	for i, at := range missing {
		found[at] = data[i+1]
		if int64(len(found[at])) != areas[at].Size {
			return nil, &mutablelayout.LayoutError{Field: "share", Reason: fmt.Sprintf("ends before %d", areas[at].End())}
		}
	}
	return found, nil
}

// readv reads ranges of one share, of which the first must be the start.
func (f *File) readv(ctx context.Context, s *Share, vectors []grid.ReadVector) ([][]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, f.client.cfg.CallTimeout)
	defer cancel()
	num := grid.ShareNum(s.Num)
	answer, err := s.Server.Storage.SlotReadv(ctx, f.shared.si, []grid.ShareNum{num}, vectors)
	if err != nil {
		return nil, err
	}
	data := answer[num]
	if len(data) != len(vectors) || string(data[0]) != string(s.start) {
		return nil, errChanged
	}
	return data, nil
}

// verify checks that the owner of the file made the version of the share. It
// sets Head or Err.
func (s *Share) verify(ctx context.Context, f *File) {
	head, err := mutablelayout.ParseHead(s.prefix)
	if err == nil && (s.Num >= head.N || head.Seqnum == 0) {
		err = &mutablelayout.LayoutError{Field: "header", Reason: fmt.Sprintf("share %d of %d, sequence number %d", s.Num, head.N, head.Seqnum)}
	}
	if err == nil {
		s.Head = head
		err = s.verifySignature(ctx, f)
	}
	s.fail(err)
}

// fail records what is wrong with the share.
func (s *Share) fail(err error) {
	if err != nil {
		s.Err, s.lost = err, !isCorrupt(err)
	}
}

// isCorrupt tells errors of the share's bytes from those of the way to them.
func isCorrupt(err error) bool {
	var layout *mutablelayout.LayoutError
	var format *mutablelayout.FormatError
	var corrupt *mutablelayout.CorruptError
	return errors.As(err, &layout) || errors.As(err, &format) || errors.As(err, &corrupt)
}

func (s *Share) verifySignature(ctx context.Context, f *File) error {
	if f.shared.isVerified(s.Head.Header) {
		return nil
	}
	areas, err := s.readAreas(ctx, f, s.Head.Areas.PublicKey, s.Head.Areas.Signature)
	if err != nil {
		return err
	}
	key := f.shared.knownPublic()
	if key == nil {
		if key, err = mutablelayout.CheckPublicKey(areas[0], f.read.Fingerprint); err != nil {
			return asCorrupt(err, mutablelayout.PartPublicKey)
		}
	}
	if err := mutablelayout.CheckSignature(s.Head.Header, key, areas[1]); err != nil {
		return err
	}
	f.shared.setVerified(s.Head.Header, key)
	return nil
}

// asCorrupt makes any error the corruption of a part, such as one of a key that
// cannot be parsed.
func asCorrupt(err error, part mutablelayout.Part) error {
	if isCorrupt(err) {
		return err
	}
	return &mutablelayout.CorruptError{Part: part}
}

// root returns the area of the root of the block hash tree.
func (s *Share) root() mutablelayout.Area { return s.Head.NodeArea(0) }

// advise tells the server that its share is corrupt, once for each survey.
func (s *Share) advise(ctx context.Context, f *File) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), f.client.cfg.CallTimeout)
	defer cancel()
	f.client.cfg.Log.Warn("corrupt mutable share", "si", f.shared.si.Abbrev(), "server", s.Server.ID.Name(), "shnum", s.Num, "err", s.Err)
	if err := s.Server.Storage.AdviseCorruptShare(ctx, grid.Mutable, f.shared.si, grid.ShareNum(s.Num), s.Err.Error()); err != nil {
		f.client.cfg.Log.Debug("corrupt share not reported", "server", s.Server.ID.Name(), "err", err)
	}
}

// verifier begins to verify the blocks of the share.
func (s *Share) verifier(ctx context.Context, f *File) (*mutablelayout.Verifier, error) {
	areas, err := s.readAreas(ctx, f, s.Head.Areas.ShareHashChain, s.root())
	if err != nil {
		return nil, err
	}
	return mutablelayout.NewVerifier(s.Head.Header, s.Num, areas[0], taggedhash.Hash(areas[1]))
}
