package sftpserver

import (
	"context"

	"golang.org/x/crypto/ssh"

	"github.com/besn0847/arm-tahoe/common/secret"
)

// ciphers are what is offered; the client's order decides. OpenSSH takes ChaCha20
// first, which is the fastest where the processor knows no AES, as on all Pis
// before the 5.
var ciphers = []string{
	ssh.CipherChaCha20Poly1305, ssh.CipherAES128GCM, ssh.CipherAES256GCM,
	ssh.CipherAES128CTR, ssh.CipherAES192CTR, ssh.CipherAES256CTR,
}

// sshConfig says how a connection is set up. ctx ends when the client has had its
// time.
func (s *Server) sshConfig(ctx context.Context) *ssh.ServerConfig {
	config := &ssh.ServerConfig{
		Config:        ssh.Config{Ciphers: ciphers},
		ServerVersion: "SSH-2.0-arm-tahoe",
		MaxAuthTries:  maxAuthTries,
		PasswordCallback: func(c ssh.ConnMetadata, password []byte) (*ssh.Permissions, error) {
			cap, err := s.config.Accounts.Password(ctx, c.User(), string(password))
			return s.admitted(c, "password", cap, err)
		},
		PublicKeyCallback: func(c ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
			cap, err := s.config.Accounts.Key(c.User(), key)
			return s.admitted(c, "public key", cap, err)
		},
	}
	for _, key := range s.config.HostKeys {
		config.AddHostKey(key)
	}
	return config
}

// admitted gives a login its cap. The name of a failed one is not logged: it may
// be a password that was typed in the wrong place.
func (s *Server) admitted(c ssh.ConnMetadata, method string, cap secret.CapText, err error) (*ssh.Permissions, error) {
	if err != nil {
		if method == "password" {
			s.log.Info("sftp: login refused", "peer", host(c.RemoteAddr()), "method", method, "err", err)
		}
		return nil, err
	}
	return &ssh.Permissions{ExtraData: map[any]any{capKey{}: cap}}, nil
}
