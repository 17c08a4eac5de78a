package taggedhash

import (
	"embed"
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/besn0847/arm-tahoe/common/base32"
	"github.com/besn0847/arm-tahoe/common/netstring"
	"github.com/besn0847/arm-tahoe/common/secret"
)

//go:embed testdata
var testdata embed.FS

func readVectors(t *testing.T, name string, vectors any) {
	t.Helper()
	raw, err := testdata.ReadFile("testdata/" + name)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(raw, vectors))
}

// inputs gives the arguments of one vector by name, decoded from hexadecimal.
type inputs map[string]any

func (in inputs) bytes(t *testing.T, name string) []byte {
	t.Helper()
	text, ok := in[name].(string)
	require.True(t, ok, name)
	b, err := hex.DecodeString(text)
	require.NoError(t, err)
	return b
}

func (in inputs) b16(t *testing.T, name string) [16]byte { return [16]byte(in.bytes(t, name)) }
func (in inputs) b20(t *testing.T, name string) [20]byte { return [20]byte(in.bytes(t, name)) }
func (in inputs) b32(t *testing.T, name string) [32]byte { return [32]byte(in.bytes(t, name)) }

// slice makes a hash of either size a slice.
func slice[A [16]byte | [32]byte](a A) []byte {
	switch a := any(a).(type) {
	case [16]byte:
		return a[:]
	case [32]byte:
		return a[:]
	}
	return nil
}

// stream writes b to the hasher in pieces of odd sizes.
func stream(h *Hasher, b []byte) []byte {
	_, _ = h.Write([]byte("rubbish before the reset"))
	h.Reset()
	for size := 1; len(b) > 0; size += 2 {
		n := min(size, len(b))
		_, _ = h.Write(b[:n])
		b = b[n:]
	}
	return h.AppendSum(nil)
}

// functions computes a row of hashes.json by the name of its function.
var functions = map[string]func(t *testing.T, in inputs) []byte{
	"netstring('abc')": func(*testing.T, inputs) []byte { return netstring.Append(nil, []byte("abc")) },
	"tagged_hash(tag='tag', val='value')": func(t *testing.T, in inputs) []byte {
		return slice(tagged("tag", in.bytes(t, "val_hex")))
	},
	"tagged_hash truncated to 16": func(t *testing.T, in inputs) []byte {
		return slice(taggedShort("tag", in.bytes(t, "val_hex")))
	},
	"tagged_pair_hash(tag='tag', v1, v2)": func(t *testing.T, in inputs) []byte {
		return slice(pair("tag", in.bytes(t, "v1_hex"), in.bytes(t, "v2_hex")))
	},
	"storage_index_hash": func(t *testing.T, in inputs) []byte {
		return slice(StorageIndex(secret.NewImmutableKey(in.b16(t, "arg_hex"))))
	},
	"block_hash":         func(t *testing.T, in inputs) []byte { return stream(NewBlockHasher(), in.bytes(t, "arg_hex")) },
	"uri_extension_hash": func(t *testing.T, in inputs) []byte { return slice(UEBHash(in.bytes(t, "arg_hex"))) },
	"plaintext_hash":     func(t *testing.T, in inputs) []byte { return stream(NewPlaintextHasher(), in.bytes(t, "arg_hex")) },
	"crypttext_hash":     func(t *testing.T, in inputs) []byte { return stream(NewCiphertextHasher(), in.bytes(t, "arg_hex")) },
	"crypttext_segment_hash": func(t *testing.T, in inputs) []byte {
		return stream(NewCiphertextSegmentHasher(), in.bytes(t, "arg_hex"))
	},
	"plaintext_segment_hash": func(t *testing.T, in inputs) []byte {
		return stream(NewPlaintextSegmentHasher(), in.bytes(t, "arg_hex"))
	},
	"ssk_writekey_hash": func(t *testing.T, in inputs) []byte {
		return slice(WriteKey(in.bytes(t, "arg_hex")).Reveal())
	},
	"ssk_write_enabler_master_hash": func(t *testing.T, in inputs) []byte {
		return slice(WriteEnablerMaster(secret.NewWriteKey(in.b16(t, "arg_hex"))).Reveal())
	},
	"ssk_pubkey_fingerprint_hash": func(t *testing.T, in inputs) []byte {
		return slice(Fingerprint(in.bytes(t, "arg_hex")))
	},
	"ssk_readkey_hash": func(t *testing.T, in inputs) []byte {
		return slice(ReadKey(secret.NewWriteKey(in.b16(t, "arg_hex"))).Reveal())
	},
	"ssk_storage_index_hash": func(t *testing.T, in inputs) []byte {
		return slice(MutableStorageIndex(secret.NewReadKey(in.b16(t, "arg_hex"))))
	},
	"mutable_rwcap_salt_hash": func(t *testing.T, in inputs) []byte {
		return slice(ChildCapSalt(in.bytes(t, "arg_hex")))
	},
	"backupdb_dirhash": func(t *testing.T, in inputs) []byte { return slice(BackupDirHash(in.bytes(t, "arg_hex"))) },
	"my_renewal_secret_hash": func(t *testing.T, in inputs) []byte {
		return slice(ClientRenewalSecret(secret.NewLeaseSecret(in.b32(t, "lease_secret_hex"))).Reveal())
	},
	"my_cancel_secret_hash": func(t *testing.T, in inputs) []byte {
		return slice(ClientCancelSecret(secret.NewLeaseSecret(in.b32(t, "lease_secret_hex"))).Reveal())
	},
	"file_renewal_secret_hash": func(t *testing.T, in inputs) []byte {
		client := secret.NewClientRenewalSecret(in.b32(t, "client_renewal_secret_hex"))
		return slice(FileRenewalSecret(client, in.b16(t, "storage_index_hex")).Reveal())
	},
	"file_cancel_secret_hash": func(t *testing.T, in inputs) []byte {
		client := secret.NewClientCancelSecret(in.b32(t, "client_cancel_secret_hex"))
		return slice(FileCancelSecret(client, in.b16(t, "storage_index_hex")).Reveal())
	},
	"bucket_renewal_secret_hash": func(t *testing.T, in inputs) []byte {
		file := secret.NewFileRenewalSecret(in.b32(t, "file_renewal_secret_hex"))
		return slice(RenewalSecret(file, in.b20(t, "lease_seed_hex")).Reveal())
	},
	"bucket_cancel_secret_hash": func(t *testing.T, in inputs) []byte {
		file := secret.NewFileCancelSecret(in.b32(t, "file_cancel_secret_hex"))
		return slice(CancelSecret(file, in.b20(t, "lease_seed_hex")).Reveal())
	},
	"ssk_write_enabler_hash": func(t *testing.T, in inputs) []byte {
		master := WriteEnablerMaster(secret.NewWriteKey(in.b16(t, "writekey_hex")))
		return slice(WriteEnabler(master, in.b20(t, "seed_hex")).Reveal())
	},
	"ssk_readkey_data_hash(IV, readkey)": func(t *testing.T, in inputs) []byte {
		return slice(DataKey(in.b16(t, "iv_hex"), secret.NewReadKey(in.b16(t, "readkey_hex"))).Reveal())
	},
	"mutable_rwcap_key_hash(iv, writekey)": func(t *testing.T, in inputs) []byte {
		return slice(ChildCapKey(in.b16(t, "iv_hex"), secret.NewWriteKey(in.b16(t, "writekey_hex"))).Reveal())
	},
	"hmac(key16, data)": func(t *testing.T, in inputs) []byte {
		return slice(ChildCapMAC(secret.NewChildCapKey(in.b16(t, "key_hex")), in.bytes(t, "data_hex")))
	},
	"convergence_hash(k=3,n=10,segsize=99,data,secret)":    convergenceVector,
	"convergence_hash(k=3,n=10,segsize=99,data,secret='')": convergenceVector,
}

func convergenceVector(t *testing.T, in inputs) []byte {
	convergence := secret.NewConvergenceSecret(in.bytes(t, "secret_hex"))
	k, n, segmentSize := in["k"].(float64), in["n"].(float64), in["segsize"].(float64)
	h, err := NewConvergenceHasher(convergence, int(k), int(n), int64(segmentSize))
	require.NoError(t, err)
	_, _ = h.Write([]byte("rubbish before the reset"))
	h.Reset()
	_, _ = h.Write(in.bytes(t, "data_hex"))
	return slice(h.Key().Reveal())
}

// elsewhere names rows of hashes.json that are no tagged hashes.
var elsewhere = map[string]string{
	"permute_server_hash(storage_index, seed)": "placement",
	"blake2b lease secret hash":                "lease containers",
	"AES-128-CTR zero IV":                      "the encoders",
}

func TestHashVectors(t *testing.T) {
	var rows []struct {
		Function string `json:"function"`
		Inputs   inputs `json:"inputs"`
		Output   string `json:"output_hex"`
	}
	readVectors(t, "hashes.json", &rows)
	require.Len(t, rows, len(functions)+len(elsewhere), "every row has its function, and every function its row")
	for _, row := range rows {
		t.Run(row.Function, func(t *testing.T) {
			if owner, ok := elsewhere[row.Function]; ok {
				t.Logf("no tagged hash; belongs to %s", owner)
				return
			}
			require.Contains(t, functions, row.Function)
			require.Equal(t, row.Output, hex.EncodeToString(functions[row.Function](t, row.Inputs)))
		})
	}
}

// The keys, storage indexes and UEB hashes of complete uploads.
func TestUploadVectors(t *testing.T) {
	var rows []struct {
		What         string `json:"what"`
		Plaintext    string `json:"plaintext_hex"`
		K            int    `json:"k"`
		N            int    `json:"n"`
		SegmentSize  int64  `json:"segment_size"`
		Convergence  string `json:"convergence_secret_hex"`
		Key          string `json:"key_hex"`
		StorageIndex string `json:"storage_index"`
		UEB          string `json:"uri_extension_packed_hex"`
		ReadCap      string `json:"readcap"`
	}
	readVectors(t, "chk-keys.json", &rows)
	require.Len(t, rows, 6)
	for _, row := range rows {
		t.Run(row.What, func(t *testing.T) {
			rawKey, err := hex.DecodeString(row.Key)
			require.NoError(t, err)
			key := secret.NewImmutableKey([16]byte(rawKey))
			si := StorageIndex(key)
			require.Equal(t, row.StorageIndex, base32.Encode(si[:]))

			ueb, err := hex.DecodeString(row.UEB)
			require.NoError(t, err)
			hash := UEBHash(ueb)
			require.Equal(t, strings.Split(row.ReadCap, ":")[3], base32.Encode(hash[:]))

			if row.Plaintext == "" {
				t.Log("no plaintext in this vector: key not computed")
				return
			}
			plaintext, err := hex.DecodeString(row.Plaintext)
			require.NoError(t, err)
			convergence, err := hex.DecodeString(row.Convergence)
			require.NoError(t, err)
			h, err := NewConvergenceHasher(secret.NewConvergenceSecret(convergence), row.K, row.N, row.SegmentSize)
			require.NoError(t, err)
			_, _ = h.Write(plaintext)
			require.True(t, key.Equal(h.Key()))
		})
	}
}

func TestConvergenceVectors(t *testing.T) {
	var rows []struct {
		K           int    `json:"k"`
		N           int    `json:"n"`
		SegmentSize int64  `json:"segsize"`
		Secret      string `json:"secret_hex"`
		Data        string `json:"data_hex"`
		Key         string `json:"key_hex"`
	}
	readVectors(t, "convergence.json", &rows)
	require.Len(t, rows, 40)
	for _, row := range rows {
		in := inputs{"secret": row.Secret, "data": row.Data}
		h, err := NewConvergenceHasher(secret.NewConvergenceSecret(in.bytes(t, "secret")), row.K, row.N, row.SegmentSize)
		require.NoError(t, err)
		_, _ = h.Write(in.bytes(t, "data"))
		require.Equal(t, row.Key, hex.EncodeToString(slice(h.Key().Reveal())))
	}
}
