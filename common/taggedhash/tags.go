package taggedhash

// Tags of immutable files.
const (
	tagStorageIndex      = "allmydata_immutable_key_to_storage_index_v1"
	tagBlock             = "allmydata_encoded_subshare_v1"
	tagUEB               = "allmydata_uri_extension_v1"
	tagCiphertext        = "allmydata_crypttext_v1"
	tagCiphertextSegment = "allmydata_crypttext_segment_v1"
	tagPlaintext         = "allmydata_plaintext_v1"
	tagPlaintextSegment  = "allmydata_plaintext_segment_v1"
	// tagConvergence is only the beginning of the tag: the convergence secret
	// and the encoding parameters follow as netstrings, and the whole is the
	// tag.
	tagConvergence = "allmydata_immutable_content_to_key_with_added_secret_v1+"
)

// Tags of leases. The first two are hashed as values, see ClientRenewalSecret.
const (
	tagClientRenewal = "allmydata_client_renewal_secret_v1"
	tagClientCancel  = "allmydata_client_cancel_secret_v1"
	tagFileRenewal   = "allmydata_file_renewal_secret_v1"
	tagFileCancel    = "allmydata_file_cancel_secret_v1"
	tagBucketRenewal = "allmydata_bucket_renewal_secret_v1"
	tagBucketCancel  = "allmydata_bucket_cancel_secret_v1"
)

// Tags of mutable files.
const (
	tagWriteKey            = "allmydata_mutable_privkey_to_writekey_v1"
	tagFingerprint         = "allmydata_mutable_pubkey_to_fingerprint_v1"
	tagReadKey             = "allmydata_mutable_writekey_to_readkey_v1"
	tagMutableStorageIndex = "allmydata_mutable_readkey_to_storage_index_v1"
	tagDataKey             = "allmydata_mutable_readkey_to_datakey_v1"
	tagWriteEnablerMaster  = "allmydata_mutable_writekey_to_write_enabler_master_v1"
	tagWriteEnabler        = "allmydata_mutable_write_enabler_master_and_nodeid_to_write_enabler_v1"
	tagMutableContainer    = "allmydata_mutable_container_header"
)

// Tags of directories and of the backup database.
const (
	tagChildCapKey   = "allmydata_mutable_writekey_and_salt_to_dirnode_child_capkey_v1"
	tagChildCapSalt  = "allmydata_dirnode_child_rwcap_to_salt_v1"
	tagBackupDirHash = "allmydata_backupdb_dirhash_v1"
)

// Tags of Merkle trees.
const (
	tagInnerNode = "Merkle tree internal node"
	tagEmptyLeaf = "Merkle tree empty leaf"
)
