package foolscap

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"time"

	"github.com/besn0847/arm-tahoe/common/grid"
)

// Certificate is the identity of a Tub: an X.509 certificate, whose hash is the
// TubID, and its private key. It is immutable, safe for concurrent use, and does
// not print its key.
type Certificate struct {
	certificate tls.Certificate
	id          grid.TubID
}

// ErrCertificate is wrapped by the errors of certificates that cannot be used.
var ErrCertificate = errors.New("unusable certificate")

// MaxPEMSize is the largest node.pem in bytes.
const MaxPEMSize = 64 << 10

const (
	blockCertificate = "CERTIFICATE"
	blockKey         = "PRIVATE KEY"
	rsaBits          = 2048
	maxRSABits       = 8192 // what crypto/tls takes from a peer
)

// NewCertificate makes a certificate as Foolscap makes it (crypto.py
// createCertificate): RSA of 2048 bits. On a small board that takes seconds.
func NewCertificate() (*Certificate, error) {
	key, err := rsa.GenerateKey(rand.Reader, rsaBits)
	if err != nil {
		return nil, fmt.Errorf("make a tub's key: %w", err)
	}
	return selfSign(key, time.Now())
}

// NewEphemeralCertificate makes a certificate with a key of ECDSA P-256, which
// takes no time; for Tubs that live as long as the process. Foolscap accepts it.
func NewEphemeralCertificate() (*Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make a tub's key: %w", err)
	}
	return selfSign(key, time.Now())
}

// tbs is the signed part of an X.509 certificate of version 1, which
// crypto/x509 reads but does not write. Its optional first field, the version, is
// absent.
type tbs struct {
	Serial    *big.Int
	Algorithm pkix.AlgorithmIdentifier
	Issuer    pkix.RDNSequence
	Validity  struct{ NotBefore, NotAfter time.Time }
	Subject   pkix.RDNSequence
	PublicKey asn1.RawValue
}

type signedCertificate struct {
	TBS       asn1.RawValue
	Algorithm pkix.AlgorithmIdentifier
	Signature asn1.BitString
}

var (
	sha256WithRSA   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 11}
	ecdsaWithSHA256 = asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}
)

// validity is how long a certificate claims to be valid. Nobody checks.
const validity = 365 * 24 * time.Hour

func selfSign(key crypto.Signer, now time.Time) (*Certificate, error) {
	algorithm := pkix.AlgorithmIdentifier{Algorithm: ecdsaWithSHA256}
	if _, ok := key.(*rsa.PrivateKey); ok {
		algorithm = pkix.AlgorithmIdentifier{Algorithm: sha256WithRSA, Parameters: asn1.NullRawValue}
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return nil, err
	}
	name := pkix.Name{CommonName: "newpb_thingy"}.ToRDNSequence()
	unsigned := tbs{Serial: big.NewInt(1), Algorithm: algorithm, Issuer: name, Subject: name, PublicKey: asn1.RawValue{FullBytes: public}}
	unsigned.Validity.NotBefore = now.UTC().Truncate(time.Second)
	unsigned.Validity.NotAfter = unsigned.Validity.NotBefore.Add(validity)
	body, err := asn1.Marshal(unsigned)
	if err != nil {
		return nil, err
	}
	digest := sha256.Sum256(body)
	signature, err := key.Sign(rand.Reader, digest[:], crypto.SHA256)
	if err != nil {
		return nil, err
	}
	der, err := asn1.Marshal(signedCertificate{
		TBS: asn1.RawValue{FullBytes: body}, Algorithm: algorithm,
		Signature: asn1.BitString{Bytes: signature, BitLength: 8 * len(signature)},
	})
	if err != nil {
		return nil, err
	}
	return newCertificate(der, key)
}

func newCertificate(der []byte, key crypto.PrivateKey) (*Certificate, error) {
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCertificate, err)
	}
	public, ok := leaf.PublicKey.(interface{ Equal(crypto.PublicKey) bool })
	signer, isSigner := key.(crypto.Signer)
	if !ok || !isSigner || !public.Equal(signer.Public()) {
		return nil, fmt.Errorf("%w: the private key belongs to another one", ErrCertificate)
	}
	return &Certificate{
		certificate: tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf},
		id:          sha1.Sum(der),
	}, nil
}

// ParsePEM reads a node.pem: a CERTIFICATE block and a PRIVATE KEY block
// (PKCS#8), in any order. Errors do not carry the text.
func ParsePEM(text []byte) (*Certificate, error) {
	if len(text) > MaxPEMSize {
		return nil, fmt.Errorf("%w: more than %d bytes of PEM", ErrCertificate, MaxPEMSize)
	}
	blocks := map[string][]byte{}
	for {
		block, rest := pem.Decode(text)
		if block == nil {
			break
		}
		if blocks[block.Type] == nil {
			blocks[block.Type] = block.Bytes
		}
		text = rest
	}
	for _, kind := range []string{blockCertificate, blockKey} {
		if blocks[kind] == nil {
			return nil, fmt.Errorf("%w: no %s block in the PEM text", ErrCertificate, kind)
		}
	}
	key, err := x509.ParsePKCS8PrivateKey(blocks[blockKey])
	if err != nil {
		return nil, fmt.Errorf("%w: the private key is not PKCS#8", ErrCertificate)
	}
	return newCertificate(blocks[blockCertificate], key)
}

// PEM returns the certificate and its private key as Tahoe writes node.pem. The
// result is a secret.
func (c *Certificate) PEM() ([]byte, error) {
	key, err := x509.MarshalPKCS8PrivateKey(c.certificate.PrivateKey)
	if err != nil {
		return nil, fmt.Errorf("write PEM: %w", err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: blockCertificate, Bytes: c.certificate.Certificate[0]})
	return append(text, pem.EncodeToMemory(&pem.Block{Type: blockKey, Bytes: key})...), nil
}

// TubID returns the hash of the certificate.
func (c *Certificate) TubID() grid.TubID { return c.id }

// TLS returns what crypto/tls needs to present the certificate, for another
// protocol on the same port. It holds the private key.
func (c *Certificate) TLS() tls.Certificate { return c.certificate }

// String returns the TubID.
func (c *Certificate) String() string { return "certificate of tub " + c.id.String() }

// Format writes what String returns, whatever the verb.
func (c *Certificate) Format(state fmt.State, _ rune) { _, _ = io.WriteString(state, c.String()) }

// tlsConfig is for both sides. Foolscap does not use authorities: who holds the
// key of the certificate with that hash is the Tub (crypto.py
// FoolscapContextFactory).
func (c *Certificate) tlsConfig() *tls.Config {
	return &tls.Config{
		Certificates:           []tls.Certificate{c.certificate},
		ClientAuth:             tls.RequestClientCert,
		InsecureSkipVerify:     true, // verifyPeer and the TubID instead
		VerifyConnection:       verifyPeer,
		MinVersion:             tls.VersionTLS12,
		SessionTicketsDisabled: true,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return &c.certificate, nil // whatever authorities the server asks for
		},
	}
}

// verifyPeer checks what Foolscap checks: neither time nor authority, but the
// certificate's signature by itself.
func verifyPeer(state tls.ConnectionState) error {
	if len(state.PeerCertificates) == 0 {
		return nil // negotiation says what it thinks of that
	}
	cert := state.PeerCertificates[0]
	if err := cert.CheckSignature(cert.SignatureAlgorithm, cert.RawTBSCertificate, cert.Signature); err != nil {
		return fmt.Errorf("%w: %w", ErrCertificate, err)
	}
	return nil
}
