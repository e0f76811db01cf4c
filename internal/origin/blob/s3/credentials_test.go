package s3

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// A pair of keys that was replaced is found without a restart of anything.
func TestKeysAreReadAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		c := aws.NewCredentialsCache(keys(func() (string, string, error) { asked++; return "a", "b", nil }))
		for range 3 {
			if _, err := c.Retrieve(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if asked != 1 {
			t.Errorf("asked %d times at once", asked)
		}
		<-time.After(2 * keysFor)
		if _, err := c.Retrieve(t.Context()); err != nil || asked != 2 {
			t.Errorf("asked %d times after two minutes, %v", asked, err)
		}
	})
}
