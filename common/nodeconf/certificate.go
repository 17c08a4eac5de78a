package nodeconf

import (
	"errors"
	"path/filepath"
)

// AddCertificate adds a certificate of a grid manager to the storage server in a
// base directory: it writes the file and names it in tahoe.cfg, which it
// rewrites as 1.20 does, without comments. It returns how many certificates are
// named now. The node must not be running, or it does not notice.
// scripts/admin.py add_grid_manager_cert.
func AddCertificate(baseDir, name, file string, text []byte) (count int, err error) {
	path := filepath.Join(baseDir, ConfigName)
	old, err := readLimited(path, MaxFileSize+1)
	if err != nil {
		return 0, err
	}
	config, err := ParseFile(path, old)
	if err != nil {
		return 0, err
	}
	if err := errors.Join(tahoeSchema(KindClient).check(config)...); err != nil {
		return 0, err
	}
	config.Set("storage", "grid_management", "True")
	config.Set(certificatesSection, name, file)
	written, err := config.AppendPython(nil)
	if err != nil {
		return 0, err
	}
	if err := WriteFile(filepath.Join(baseDir, file), text, publicMode); err != nil {
		return 0, err
	}
	return len(config.Keys(certificatesSection)), WriteFile(path, written, publicMode)
}
