package identity

import (
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spillway/spillway/internal/fault"
)

// maxFile bounds what is read of any of this package's files, in bytes.
const maxFile = 64 << 10

// writePrivate replaces a file by one with mode 0600, atomically and durably; its directory is made if missing (0700).
func writePrivate(path string, data []byte) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fault.Wrap(fault.Internal, err, "make the credentials' directory")
	}
	if err := replaceFile(dir, path, data); err != nil {
		return fault.Wrap(fault.Internal, err, "write "+path)
	}
	return nil
}

func replaceFile(dir, path string, data []byte) error {
	f, err := os.CreateTemp(dir, "."+filepath.Base(path)+"-*") // made with mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // fails once it has been renamed
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// readPEM returns all blocks of a type; a file without any is fault.Invalid.
func readPEM(path, kind string, private bool) ([][]byte, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fault.Wrap(fault.NotFound, err, "credentials")
	}
	if err != nil {
		return nil, fault.Wrap(fault.Denied, err, "credentials")
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil {
		return nil, fault.Wrap(fault.Internal, err, "credentials")
	} else if private && info.Mode().Perm()&0o077 != 0 {
		return nil, fault.WithHint(fault.New(fault.Denied, "%s can be read by others (mode %04o)", path, info.Mode().Perm()),
			"chmod 600 %s", path)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFile))
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "credentials")
	}
	blocks := pemBlocks(data, kind)
	if len(blocks) == 0 {
		return nil, fault.New(fault.Invalid, "%s holds no %s", path, kind)
	}
	return blocks, nil
}

func pemBlocks(data []byte, kind string) [][]byte {
	var blocks [][]byte
	for {
		var b *pem.Block
		if b, data = pem.Decode(data); b == nil {
			return blocks
		}
		if b.Type == kind {
			blocks = append(blocks, b.Bytes)
		}
	}
}

func loadCerts(path string) ([]*x509.Certificate, error) {
	blocks, err := readPEM(path, "CERTIFICATE", false)
	if err != nil {
		return nil, err
	}
	var certs []*x509.Certificate
	for _, der := range blocks {
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, fault.Wrap(fault.Invalid, err, path)
		}
		certs = append(certs, cert)
	}
	return certs, nil
}

func saveKey(path string, key *ecdsa.PrivateKey) error {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return fault.Wrap(fault.Internal, err, "encode a key")
	}
	return writePrivate(path, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

func loadKey(path string) (*ecdsa.PrivateKey, error) {
	blocks, err := readPEM(path, "PRIVATE KEY", true)
	if err != nil {
		return nil, err
	}
	parsed, err := x509.ParsePKCS8PrivateKey(blocks[0])
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, path)
	}
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok {
		return nil, fault.New(fault.Invalid, "%s is not an ECDSA key", path)
	}
	return key, nil
}
