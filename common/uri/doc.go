// Package uri holds the caps of Tahoe-LAFS: the texts that name a file or
// directory and at the same time give the right to read it, to change it, or
// only to check it.
//
// It belongs to layer L1 and follows src/allmydata/uri.py of Tahoe-LAFS
// 1.20.0 (class by class, and from_string), unknown.py and what nodemaker.py
// create_from_cap does before it makes a node. Services that must not see
// plaintext do not import it.
//
//	cap                                             type           fields in the text
//	URI:CHK:                                        CHK            key 16, UEB hash 32, k, n, size
//	URI:CHK-Verifier:                               CHKVerify      storage index 16, UEB hash 32, k, n, size
//	URI:LIT:                                        Literal        the data
//	URI:SSK: URI:MDMF:                              MutableWrite   write key 16, fingerprint 32
//	URI:SSK-RO: URI:MDMF-RO:                        MutableRead    read key 16, fingerprint 32
//	URI:SSK-Verifier: URI:MDMF-Verifier:            MutableVerify  storage index 16, fingerprint 32
//	URI:DIR2: URI:DIR2-RO: URI:DIR2-Verifier:       Directory      those of the SSK cap
//	URI:DIR2-MDMF: URI:DIR2-MDMF-RO:
//	URI:DIR2-MDMF-Verifier:                         Directory      those of the MDMF cap
//	URI:DIR2-CHK: URI:DIR2-CHK-Verifier:            Directory      those of the CHK cap
//	URI:DIR2-LIT:                                   Directory      those of the LIT cap
//	anything else                                   Unknown        kept as it is
//
// Fields are separated by colons. Sizes are in bytes; binary fields are in
// base 32 (16 bytes are 26 characters, 32 bytes are 52), numbers in decimal.
//
// # Texts and secrets
//
// All types print redacted, through fmt, log/slog, encoding/json and errors,
// unless all they give is the right to verify. Text returns the real text.
//
// # What parses
//
// Parse takes what uri.py takes, with its oddities, most of which come from
// regular expressions:
//
//   - "ro." or "imm." may stand before any cap and restricts what it may be.
//     A cap that obeys is parsed as if the prefix was not there.
//   - MDMF caps may go on with a colon and anything: extensions of releases
//     before 1.20 that 1.20 ignores.
//   - CHK verify caps may go on with anything (their expression has no end).
//   - All others, and MDMF caps, may end in one newline ("$" matches before it).
//   - Numbers may begin with zeros.
//
// Text writes none of that. Everything else that parses comes out as it went
// in.
//
// On purpose this package refuses a few texts that uri.py takes: numbers of
// shares of 2^31 and more, sizes of 2^63 and more, and texts longer than
// MaxTextSize. They become Unknown with an error, as any malformed cap, so
// their text is not lost. Smaller numbers of shares parse even where no file
// can have them; see CHK.Check.
//
// uri.py fails to print the verify caps that it derives from verify caps of
// MDMF and CHK directories; here they are the caps themselves.
package uri
