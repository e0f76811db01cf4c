package s3

import (
	"context"
	"errors"
	"net"
	"net/http"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"

	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/origin/blob"
)

func isNotFound(err error) bool { return errors.Is(err, blob.ErrNotFound) }

// failed says what an error of the SDK means.
func (s *Store) failed(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, context.Canceled) {
		return fault.Wrap(fault.Unavailable, err, "S3")
	}
	if none := new(noCredentials); errors.As(err, &none) {
		return fault.WithHint(fault.Wrap(fault.Denied, none, "there are no credentials for S3"),
			"give s3.accessKey and s3.secretKey, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give this machine a role")
	}
	status, code := 0, ""
	var response *awshttp.ResponseError
	if errors.As(err, &response) {
		status = response.HTTPStatusCode()
	}
	var api smithy.APIError
	if errors.As(err, &api) {
		code = api.ErrorCode()
	}
	switch code {
	case "NoSuchBucket":
		return fault.WithHint(fault.New(fault.Unavailable, "bucket %s: %w: %w", s.bucket, blob.ErrNoBucket, err),
			"create the bucket, or correct its name, region and endpoint")
	case "PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException":
		return fault.WithHint(fault.Wrap(fault.Invalid, err, "bucket "+s.bucket), "the bucket is in another region; set s3.region")
	case "InvalidAccessKeyId", "SignatureDoesNotMatch":
		return fault.WithHint(fault.Wrap(fault.Denied, err, "S3 refuses the credentials"), "check s3.accessKey and s3.secretKey")
	case "ExpiredToken", "RequestTimeTooSkewed":
		return fault.WithHint(fault.Wrap(fault.Unavailable, err, "S3 refuses the credentials"), "renew them, and check this machine's clock")
	case "XAmzContentSHA256Mismatch", "BadDigest":
		return fault.Wrap(fault.Unavailable, err, "the data were damaged on their way to S3")
	case "NoSuchUpload", "NoSuchKey", "NotFound":
		return blob.ErrNotFound
	case "ConditionalRequestConflict":
		return blob.ErrPrecondition
	case "KeyTooLongError", "EntityTooLarge":
		return fault.Wrap(fault.Invalid, err, "S3")
	}
	return s.failedWith(status, err)
}

// failedWith goes by the HTTP status alone, which is all that an answer to HEAD has.
func (s *Store) failedWith(status int, err error) error {
	switch {
	case status == http.StatusNotFound:
		return blob.ErrNotFound
	case status == http.StatusPreconditionFailed:
		return blob.ErrPrecondition
	case status == http.StatusRequestedRangeNotSatisfiable:
		return blob.ErrRange
	case status == http.StatusForbidden || status == http.StatusUnauthorized:
		return fault.WithHint(fault.Wrap(fault.Denied, err, "S3 denies access to bucket "+s.bucket),
			"the credentials need GetObject, PutObject, DeleteObject, ListBucket and AbortMultipartUpload on it")
	case status == http.StatusInsufficientStorage:
		return fault.Wrap(fault.Exhausted, err, "S3")
	case status >= 500 || status == http.StatusTooManyRequests || status == http.StatusRequestTimeout || status == http.StatusConflict:
		return fault.Wrap(fault.Unavailable, err, "S3 is busy")
	case status >= 300:
		return fault.Wrap(fault.Invalid, err, "S3 refuses the request")
	}
	var dns *net.DNSError
	if errors.As(err, &dns) {
		return fault.WithHint(fault.Wrap(fault.Unavailable, err, "S3"), "no machine has the name %s; check s3.endpoint and s3.region", dns.Name)
	}
	return fault.WithHint(fault.Wrap(fault.Unavailable, err, "S3 does not answer"), "check s3.endpoint and the network")
}
