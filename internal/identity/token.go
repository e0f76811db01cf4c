package identity

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
)

// tokenPrefix lets people and secret scanners recognise a token.
const tokenPrefix = "spw_"

// NewToken makes a secret of 130 random bits and the hash under which it is kept. The secret is shown once and not
// stored. A plain hash suffices: the secret cannot be guessed.
func NewToken() (secret, hash string) {
	secret = tokenPrefix + rand.Text()
	return secret, TokenHash(secret)
}

// TokenHash returns the hash of a secret: SHA-256, hex.
func TokenHash(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// TokenMatches compares a secret with a hash in constant time.
func TokenMatches(secret, hash string) bool {
	return subtle.ConstantTimeCompare([]byte(TokenHash(secret)), []byte(hash)) == 1
}
