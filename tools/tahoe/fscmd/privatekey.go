package fscmd

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"os"

	"github.com/besn0847/arm-tahoe/tools/tahoe/pyquote"
)

// maxKeyFile bounds the file with a private key, in bytes.
const maxKeyFile = 64 << 10

// readPrivateKey returns the RSA key of a PEM file, without a password, in the
// DER form of PKCS #8 (tahoe_put.py load_private_key).
func readPrivateKey(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxKeyFile))
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, badKey(path)
	}
	key, err := parseRSA(block.Bytes)
	if err != nil {
		return nil, badKey(path)
	}
	return x509.MarshalPKCS8PrivateKey(key)
}

func parseRSA(der []byte) (*rsa.PrivateKey, error) {
	if key, err := x509.ParsePKCS1PrivateKey(der); err == nil {
		return key, nil
	}
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, err
	}
	if key, ok := key.(*rsa.PrivateKey); ok {
		return key, nil
	}
	return nil, fmt.Errorf("not a key for RSA")
}

// badKey repeats nothing of the file.
func badKey(path string) error {
	return fmt.Errorf("%s holds no RSA private key in PEM without a password", pyquote.Path(path))
}
