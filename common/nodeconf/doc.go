// Package nodeconf reads and writes a node's base directory: tahoe.cfg, our own
// arm-tahoe.cfg beside it, and the files with names and contents of
// Tahoe-LAFS 1.20.0 in it and in private/.
//
// It belongs to layer L4. It opens no sockets, makes no certificates (node.pem
// is the Tub's) and keeps no state but what is on disk. The sources are, of
// Tahoe-LAFS 1.20.0:
//
//   - util/configutil.py, and Python 3.13's configparser.ConfigParser(strict=False),
//     which it uses: [File]
//   - node.py (_common_valid_config, _tub_portlocation, create_connection_handlers,
//     get_introducer_configuration), client.py (_client_config, init_client,
//     get_anonymous_storage_server): [Config], [Config.Listen]
//   - util/abbreviate.py, util/time_format.py: sizes, durations, dates
//   - scripts/create_node.py, listeners.py: [Create]
//   - util/pid.py: [Dir.Lock]
//   - blacklist.py, scripts/common.py (get_aliases): [Blacklist], [Dir.Aliases]
//
// # The dialect of tahoe.cfg
//
// Sections in brackets, "key = value" or "key: value"; the first "=" or ":"
// counts. Keys are case-insensitive, section names are not. A line that begins
// with "#" or ";" after spaces is a comment; there are no comments behind a
// value. A line that is indented more than its key continues the value. Of
// equal keys the later wins, equal sections are one. "%(name)s" stands for
// another key of the section or of [DEFAULT]; a percent sign is written "%%".
// The file is UTF-8, a byte order mark is skipped.
//
// The node never writes tahoe.cfg after it was created: two programs must be
// able to take turns on the directory. `tahoe admin add-grid-manager-cert`,
// which a person calls, does, as in 1.20 ([File.AppendPython]).
//
// # What is refused here and not by 1.20
//
// Values that 1.20 does not look at until it needs them, or reads in its own
// way: numbers with digits that are not ASCII, mutable.format other than SDMF
// or MDMF (1.20 takes SDMF for them), dates with a time behind them or days that
// the month does not have, negative durations, sizes and numbers, settings of
// parts that are switched off, shares.happy above shares.total, storage plugins
// (they are Python code), files beyond [MaxFileSize], and values whose "%(name)s"
// expand beyond [MaxValueSize].
package nodeconf
