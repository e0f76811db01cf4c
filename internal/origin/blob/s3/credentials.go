package s3

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// keysFor is how long a pair of keys is used before it is asked for again, so that new ones in a file are found.
const keysFor = time.Minute

// keys provides what a function returns.
type keys func() (accessKey, secretKey string, err error)

// Retrieve asks the function.
func (k keys) Retrieve(context.Context) (aws.Credentials, error) {
	access, secret, err := k()
	return aws.Credentials{AccessKeyID: access, SecretAccessKey: secret, Source: "spillway", CanExpire: true, Expires: time.Now().Add(keysFor)}, err
}

// told marks the errors of a provider, which the SDK hides among those of the network.
type told struct{ aws.CredentialsProvider }

type noCredentials struct{ error }

func (e *noCredentials) Unwrap() error { return e.error }

// Retrieve asks the provider.
func (t told) Retrieve(ctx context.Context) (aws.Credentials, error) {
	c, err := t.CredentialsProvider.Retrieve(ctx)
	if err != nil {
		err = &noCredentials{err}
	}
	return c, err
}
