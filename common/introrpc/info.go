package introrpc

import (
	"strings"
	"unicode/utf8"

	"github.com/besn0847/arm-tahoe/common/banana"
	"github.com/besn0847/arm-tahoe/common/foolscap"
)

// SubscriberInfo is what a subscriber says about itself, for status pages.
type SubscriberInfo struct {
	Nickname        string
	MyVersion       string // as in "tahoe-lafs/1.20.0"
	OldestSupported string // as in "1.0.0"
}

// Keys of SubscriberInfo.
const (
	keyVersion         = "version"
	keyNickname        = "nickname"
	keyMyVersion       = "my-version"
	keyOldestSupported = "oldest-supported"
	keyAppVersions     = "app-versions"
)

// unknown stands on status pages for what a subscriber does not say (server.py
// get_subscribers).
const unknown = "?"

func (i SubscriberInfo) encode() banana.Value {
	text := func(key, value string) banana.Pair {
		return banana.Pair{Key: banana.Bytes(key), Value: banana.Text(value)}
	}
	return banana.NewDict(
		banana.Pair{Key: banana.Bytes(keyAppVersions), Value: banana.NewList()},
		text(keyMyVersion, i.MyVersion), text(keyNickname, i.Nickname), text(keyOldestSupported, i.OldestSupported),
		banana.Pair{Key: banana.Bytes(keyVersion), Value: banana.Int(0)},
	)
}

// decodeInfo reads what is known of a dictionary. An empty one is an assertion in
// 1.20 (server.py add_subscriber), others are all good.
func decodeInfo(d *banana.Dict) (SubscriberInfo, error) {
	if len(d.Pairs) == 0 {
		return SubscriberInfo{}, &foolscap.RemoteError{Type: "builtins.AssertionError"}
	}
	for _, p := range d.Pairs {
		if _, err := foolscap.AsBytes(p.Key, 0, announceKeySize); err != nil {
			return SubscriberInfo{}, err
		}
	}
	return SubscriberInfo{
		Nickname: infoText(d, keyNickname), MyVersion: infoText(d, keyMyVersion), OldestSupported: infoText(d, keyOldestSupported),
	}, nil
}

// announceKeySize bounds a key of a dictionary, in bytes.
const announceKeySize = 256

func infoText(d *banana.Dict, key string) string {
	v, _ := d.Get(key)
	switch v := v.(type) {
	case banana.Text:
		return cut(string(v))
	case banana.Bytes:
		return cut(string(v))
	}
	return unknown
}

// cut returns a copy of at most MaxInfoText bytes, in good UTF-8: a part of a
// string would keep all of it in memory.
func cut(text string) string {
	if len(text) > MaxInfoText {
		end := MaxInfoText
		for end > 0 && !utf8.RuneStart(text[end]) {
			end--
		}
		text = text[:end]
	}
	return strings.Clone(strings.ToValidUTF8(text, "\ufffd"))
}
