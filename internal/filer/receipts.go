package filer

import (
	"encoding/binary"
	"encoding/json"
	"sync"
	"time"

	"github.com/spillway/spillway/nfs"
)

// Receipt says that a file is on the storage, durable, with this content.
type Receipt struct {
	Path   string    `json:"path"`
	Size   uint64    `json:"size"`
	SHA256 [32]byte  `json:"sha256"`
	Mtime  time.Time `json:"mtime"`
	Filer  string    `json:"filer"` // that issued it: the last hop
	Issued time.Time `json:"issued"`
	Serial uint64    `json:"serial"`
}

// receiptRecord is a receipt as it is kept, in JSON under the inode: it speaks of a file, whatever its name becomes, as
// long as the file is in the state it was issued for.
type receiptRecord struct {
	Receipt
	FileID uint64   `json:"fileID"`
	Mod    nfs.Time `json:"mod"`
}

// receipts remembers which files have one.
type receipts struct {
	kv KV

	mu     sync.Mutex
	serial uint64 // the last one given
}

func openReceipts(kv KV) (*receipts, error) {
	v, err := kv.Get(metaKey("receipt"))
	if err != nil {
		return nil, err
	}
	r := &receipts{kv: kv}
	if len(v) == 8 {
		r.serial = binary.BigEndian.Uint64(v)
	}
	return r, nil
}

// issue gives the receipt the next serial and keeps both, durably. Receipts of another filer keep their serial.
func (r *receipts) issue(inode uint64, attr *nfs.Attr, receipt *Receipt, own bool) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var changes []Change
	if own {
		r.serial++
		receipt.Serial = r.serial
		changes = append(changes, Change{metaKey("receipt"), binary.BigEndian.AppendUint64(nil, r.serial)})
	}
	v, err := json.Marshal(receiptRecord{Receipt: *receipt, FileID: attr.FileID, Mod: attr.Mtime})
	if err != nil {
		return err
	}
	return r.kv.Apply(append(changes, Change{inodeKey('r', inode), v}), true)
}

// valid says whether the file, in its present state, has a receipt.
func (r *receipts) valid(inode uint64, attr *nfs.Attr) (bool, error) {
	v, err := r.kv.Get(inodeKey('r', inode))
	if err != nil || v == nil {
		return false, err
	}
	var rec receiptRecord
	if json.Unmarshal(v, &rec) != nil {
		return false, nil //nolint:nilerr // a damaged receipt proves nothing
	}
	return rec.Size == attr.Size && rec.Mod == attr.Mtime && rec.FileID == attr.FileID, nil
}
