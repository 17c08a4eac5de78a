// Package furl reads and writes FURLs, the addresses of objects behind Foolscap
// tubs, and the connection hints in them.
//
// It belongs to layer L2 and follows src/foolscap/furl.py and
// src/foolscap/connections/{tcp,tor,i2p}.py of Foolscap 24.9.0.
//
//	pb://TUBID@HINT,HINT,.../SWISSNUM
//
// A FURL is a capability: whoever knows it may use the object. So a [FURL] does
// not print its swissnum; [FURL.Text] does, and is easy to search for. What is
// before the last part (tub, hints) is no secret.
//
// Parsing is stricter than the original in four things, none of which a Tub ever
// writes: the text must begin with "pb://", the tub id must be the 20 bytes of a
// SHA-1, no part may hold spaces or control characters, and there are limits on
// size and number.
package furl
