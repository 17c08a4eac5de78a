package webfiles

import (
	"path"
	"strings"
)

// mediaTypes are the types of files by the ends of their names. 1.20 takes them
// from the machine that it runs on (Python's mimetypes), so they differ from node
// to node; these are the same everywhere.
var mediaTypes = map[string]string{
	".7z": "application/x-7z-compressed", ".aac": "audio/aac", ".apk": "application/vnd.android.package-archive",
	".avi": "video/x-msvideo", ".avif": "image/avif", ".bin": "application/octet-stream", ".bmp": "image/bmp",
	".bz2": "application/x-bzip2", ".c": "text/plain", ".conf": "text/plain", ".css": "text/css", ".csv": "text/csv",
	".deb": "application/vnd.debian.binary-package", ".diff": "text/plain", ".doc": "application/msword",
	".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
	".epub": "application/epub+zip", ".exe": "application/octet-stream", ".flac": "audio/flac", ".gif": "image/gif",
	".go": "text/plain", ".gz": "application/gzip", ".h": "text/plain", ".heic": "image/heic", ".heif": "image/heif",
	".htm": "text/html", ".html": "text/html", ".ico": "image/vnd.microsoft.icon", ".ics": "text/calendar",
	".img": "application/octet-stream", ".iso": "application/octet-stream", ".jar": "application/java-archive",
	".java": "text/plain", ".jpe": "image/jpeg", ".jpeg": "image/jpeg", ".jpg": "image/jpeg",
	".js": "text/javascript", ".json": "application/json", ".log": "text/plain", ".m3u": "audio/x-mpegurl",
	".m4a": "audio/mp4", ".m4v": "video/mp4", ".md": "text/markdown", ".mid": "audio/midi", ".midi": "audio/midi",
	".mjs": "text/javascript", ".mkv": "video/x-matroska", ".mov": "video/quicktime", ".mp3": "audio/mpeg",
	".mp4": "video/mp4", ".mpeg": "video/mpeg", ".mpg": "video/mpeg", ".odp": "application/vnd.oasis.opendocument.presentation",
	".ods": "application/vnd.oasis.opendocument.spreadsheet", ".odt": "application/vnd.oasis.opendocument.text",
	".oga": "audio/ogg", ".ogg": "audio/ogg", ".ogv": "video/ogg", ".opus": "audio/opus", ".otf": "font/otf",
	".patch": "text/plain", ".pdf": "application/pdf", ".png": "image/png",
	".ppt": "application/vnd.ms-powerpoint", ".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
	".ps": "application/postscript", ".py": "text/x-python", ".rar": "application/vnd.rar", ".rpm": "application/x-redhat-package-manager",
	".rst": "text/plain", ".rtf": "application/rtf", ".sh": "text/x-sh", ".sqlite": "application/vnd.sqlite3",
	".svg": "image/svg+xml", ".tar": "application/x-tar", ".tgz": "application/gzip", ".tif": "image/tiff",
	".tiff": "image/tiff", ".torrent": "application/x-bittorrent", ".tsv": "text/tab-separated-values",
	".ttf": "font/ttf", ".txt": "text/plain", ".wasm": "application/wasm", ".wav": "audio/x-wav",
	".weba": "audio/webm", ".webm": "video/webm", ".webp": "image/webp", ".woff": "font/woff", ".woff2": "font/woff2",
	".xhtml": "application/xhtml+xml", ".xls": "application/vnd.ms-excel",
	".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", ".xml": "text/xml",
	".xz": "application/x-xz", ".yaml": "application/yaml", ".yml": "application/yaml", ".zip": "application/zip",
	".zst": "application/zstd",
}

// mediaType is the type of a file by its name (twisted getTypeAndEncoding).
func mediaType(name string) string {
	if known, ok := mediaTypes[strings.ToLower(path.Ext(name))]; ok {
		return known
	}
	return "text/plain"
}
