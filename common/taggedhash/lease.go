package taggedhash

import "github.com/besn0847/arm-tahoe/common/secret"

// ServerSeedSize is the number of bytes of the server identity that goes into
// secrets for that server: the TubID from its storage FURL, for Foolscap and
// HTTP alike.
const ServerSeedSize = 20

// ClientRenewalSecret returns the client's part of all renewal secrets
// (hashutil.py my_renewal_secret_hash). Secret and constant have changed
// places there, long ago: the secret serves as the tag.
func ClientRenewalSecret(lease secret.LeaseSecret) secret.ClientRenewalSecret {
	tag := lease.Reveal()
	return secret.NewClientRenewalSecret(tagged(string(tag[:]), []byte(tagClientRenewal)))
}

// ClientCancelSecret returns the client's part of all cancel secrets, with the
// same exchange of places (hashutil.py my_cancel_secret_hash).
func ClientCancelSecret(lease secret.LeaseSecret) secret.ClientCancelSecret {
	tag := lease.Reveal()
	return secret.NewClientCancelSecret(tagged(string(tag[:]), []byte(tagClientCancel)))
}

// FileRenewalSecret returns the renewal secret of one storage index
// (hashutil.py file_renewal_secret_hash).
func FileRenewalSecret(client secret.ClientRenewalSecret, si [ShortSize]byte) secret.FileRenewalSecret {
	c := client.Reveal()
	return secret.NewFileRenewalSecret(pair(tagFileRenewal, c[:], si[:]))
}

// FileCancelSecret returns the cancel secret of one storage index (hashutil.py
// file_cancel_secret_hash).
func FileCancelSecret(client secret.ClientCancelSecret, si [ShortSize]byte) secret.FileCancelSecret {
	c := client.Reveal()
	return secret.NewFileCancelSecret(pair(tagFileCancel, c[:], si[:]))
}

// RenewalSecret returns what the server with this seed gets to see for one
// storage index (hashutil.py bucket_renewal_secret_hash).
func RenewalSecret(file secret.FileRenewalSecret, seed [ServerSeedSize]byte) secret.RenewalSecret {
	f := file.Reveal()
	return secret.NewRenewalSecret(pair(tagBucketRenewal, f[:], seed[:]))
}

// CancelSecret returns what the server with this seed gets to see for one
// storage index (hashutil.py bucket_cancel_secret_hash).
func CancelSecret(file secret.FileCancelSecret, seed [ServerSeedSize]byte) secret.CancelSecret {
	f := file.Reveal()
	return secret.NewCancelSecret(pair(tagBucketCancel, f[:], seed[:]))
}
