package secret

// Each kind is an empty type that carries the name for the placeholder.
type (
	immutableKeyKind        struct{}
	writeKeyKind            struct{}
	readKeyKind             struct{}
	dataKeyKind             struct{}
	childCapKeyKind         struct{}
	leaseSecretKind         struct{}
	clientRenewalSecretKind struct{}
	clientCancelSecretKind  struct{}
	fileRenewalSecretKind   struct{}
	fileCancelSecretKind    struct{}
	renewalSecretKind       struct{}
	cancelSecretKind        struct{}
	writeEnablerMasterKind  struct{}
	writeEnablerKind        struct{}
	signingSeedKind         struct{}
	convergenceSecretKind   struct{}
	capTextKind             struct{}
	contentKind             struct{}
	storedLeaseKind         struct{}
	swissnumKind            struct{}
	uploadSecretKind        struct{}
)

func (immutableKeyKind) name() string        { return "immutable key" }
func (writeKeyKind) name() string            { return "write key" }
func (readKeyKind) name() string             { return "read key" }
func (dataKeyKind) name() string             { return "data key" }
func (childCapKeyKind) name() string         { return "child cap key" }
func (leaseSecretKind) name() string         { return "lease secret" }
func (clientRenewalSecretKind) name() string { return "client renewal secret" }
func (clientCancelSecretKind) name() string  { return "client cancel secret" }
func (fileRenewalSecretKind) name() string   { return "file renewal secret" }
func (fileCancelSecretKind) name() string    { return "file cancel secret" }
func (renewalSecretKind) name() string       { return "lease renewal secret" }
func (cancelSecretKind) name() string        { return "lease cancel secret" }
func (writeEnablerMasterKind) name() string  { return "write enabler master" }
func (writeEnablerKind) name() string        { return "write enabler" }
func (signingSeedKind) name() string         { return "signing key" }
func (convergenceSecretKind) name() string   { return "convergence secret" }
func (capTextKind) name() string             { return "cap text" }
func (contentKind) name() string             { return "content" }
func (storedLeaseKind) name() string         { return "stored lease secrets" }
func (swissnumKind) name() string            { return "swissnum" }
func (uploadSecretKind) name() string        { return "upload secret" }

// Secrets of 16 bytes.
type (
	// ImmutableKey is the AES key of an immutable file (CHK), the secret of its read cap.
	ImmutableKey = Bytes16[immutableKeyKind]
	// WriteKey is the secret of the write cap of a mutable file: it decrypts the private key.
	WriteKey = Bytes16[writeKeyKind]
	// ReadKey is the secret of the read cap of a mutable file.
	ReadKey = Bytes16[readKeyKind]
	// DataKey is the AES key of one version (SDMF) or one segment (MDMF) of a mutable file.
	DataKey = Bytes16[dataKeyKind]
	// ChildCapKey is the AES key of one child's write cap in a directory.
	ChildCapKey = Bytes16[childCapKeyKind]
)

// NewImmutableKey returns an immutable key with the bytes b.
func NewImmutableKey(b [Size16]byte) ImmutableKey { return new16[immutableKeyKind](b) }

// NewWriteKey returns a write key with the bytes b.
func NewWriteKey(b [Size16]byte) WriteKey { return new16[writeKeyKind](b) }

// NewReadKey returns a read key with the bytes b.
func NewReadKey(b [Size16]byte) ReadKey { return new16[readKeyKind](b) }

// NewDataKey returns a data key with the bytes b.
func NewDataKey(b [Size16]byte) DataKey { return new16[dataKeyKind](b) }

// NewChildCapKey returns a child cap key with the bytes b.
func NewChildCapKey(b [Size16]byte) ChildCapKey { return new16[childCapKeyKind](b) }

// Secrets of 32 bytes.
type (
	// LeaseSecret is the client's own secret in private/secret, from which all lease secrets follow.
	LeaseSecret = Bytes32[leaseSecretKind]
	// ClientRenewalSecret is the client's part of the renewal secrets of all leases.
	ClientRenewalSecret = Bytes32[clientRenewalSecretKind]
	// ClientCancelSecret is the client's part of the cancel secrets of all leases.
	ClientCancelSecret = Bytes32[clientCancelSecretKind]
	// FileRenewalSecret belongs to one client and one storage index.
	FileRenewalSecret = Bytes32[fileRenewalSecretKind]
	// FileCancelSecret belongs to one client and one storage index.
	FileCancelSecret = Bytes32[fileCancelSecretKind]
	// RenewalSecret is the secret that a server keeps to let the client renew a lease; the bucket renewal secret of hashutil.py.
	RenewalSecret = Bytes32[renewalSecretKind]
	// CancelSecret is the secret that a server keeps to let the client cancel a lease; the bucket cancel secret of hashutil.py.
	CancelSecret = Bytes32[cancelSecretKind]
	// WriteEnablerMaster is the part of a mutable file's write enablers that is the same for all servers.
	WriteEnablerMaster = Bytes32[writeEnablerMasterKind]
	// WriteEnabler is the secret that a server keeps to let the client write a mutable slot.
	WriteEnabler = Bytes32[writeEnablerKind]
	// SigningSeed is the Ed25519 private key of a node or of a grid manager, as its seed.
	SigningSeed = Bytes32[signingSeedKind]
)

// NewLeaseSecret returns a lease secret with the bytes b.
func NewLeaseSecret(b [Size32]byte) LeaseSecret { return new32[leaseSecretKind](b) }

// NewClientRenewalSecret returns a client renewal secret with the bytes b.
func NewClientRenewalSecret(b [Size32]byte) ClientRenewalSecret {
	return new32[clientRenewalSecretKind](b)
}

// NewClientCancelSecret returns a client cancel secret with the bytes b.
func NewClientCancelSecret(b [Size32]byte) ClientCancelSecret {
	return new32[clientCancelSecretKind](b)
}

// NewFileRenewalSecret returns a file renewal secret with the bytes b.
func NewFileRenewalSecret(b [Size32]byte) FileRenewalSecret { return new32[fileRenewalSecretKind](b) }

// NewFileCancelSecret returns a file cancel secret with the bytes b.
func NewFileCancelSecret(b [Size32]byte) FileCancelSecret { return new32[fileCancelSecretKind](b) }

// NewRenewalSecret returns a lease renewal secret with the bytes b.
func NewRenewalSecret(b [Size32]byte) RenewalSecret { return new32[renewalSecretKind](b) }

// NewCancelSecret returns a lease cancel secret with the bytes b.
func NewCancelSecret(b [Size32]byte) CancelSecret { return new32[cancelSecretKind](b) }

// NewWriteEnablerMaster returns a write enabler master with the bytes b.
func NewWriteEnablerMaster(b [Size32]byte) WriteEnablerMaster {
	return new32[writeEnablerMasterKind](b)
}

// NewWriteEnabler returns a write enabler with the bytes b.
func NewWriteEnabler(b [Size32]byte) WriteEnabler { return new32[writeEnablerKind](b) }

// NewSigningSeed returns a signing key with the bytes b.
func NewSigningSeed(b [Size32]byte) SigningSeed { return new32[signingSeedKind](b) }

// Secrets of any length.
type (
	// ConvergenceSecret is mixed into convergent keys (private/convergence; 32 bytes when Tahoe made it, but any length is allowed, also none).
	ConvergenceSecret = Bytes[convergenceSecretKind]
	// CapText is the text of a cap that gives read or write access.
	CapText = Bytes[capTextKind]
	// Content is the data inside a literal cap.
	Content = Bytes[contentKind]
	// StoredLease is what a share file keeps of the secrets of one lease: they themselves or their hashes.
	StoredLease = Bytes[storedLeaseKind]
	// Swissnum is the name part of a FURL; knowing it is the right to use the object.
	Swissnum = Bytes[swissnumKind]
	// UploadSecret lets whoever began an upload over HTTPS go on with it; clients of 1.20 draw 20 bytes for each.
	UploadSecret = Bytes[uploadSecretKind]
)

// NewConvergenceSecret returns a convergence secret with the bytes b. It holds a copy.
func NewConvergenceSecret(b []byte) ConvergenceSecret { return newBytes[convergenceSecretKind](b) }

// NewCapText returns a cap text with the bytes b. It holds a copy.
func NewCapText(b []byte) CapText { return newBytes[capTextKind](b) }

// NewContent returns a content of the bytes b. It holds a copy.
func NewContent(b []byte) Content { return newBytes[contentKind](b) }

// NewStoredLease returns stored lease secrets with the bytes b. It holds a copy.
func NewStoredLease(b []byte) StoredLease { return newBytes[storedLeaseKind](b) }

// NewSwissnum returns a swissnum with the bytes b. It holds a copy.
func NewSwissnum(b []byte) Swissnum { return newBytes[swissnumKind](b) }

// NewUploadSecret returns an upload secret with the bytes b. It holds a copy.
func NewUploadSecret(b []byte) UploadSecret { return newBytes[uploadSecretKind](b) }
