package s3

import (
	"context"
	"fmt"
	"io"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"golang.org/x/sync/errgroup"

	"github.com/spillway/spillway/internal/origin/blob"
)

// Begin asks CreateMultipartUpload.
func (s *Store) Begin(ctx context.Context, key string, p blob.Props) (string, error) {
	h := p.Headers
	r, err := s.c.CreateMultipartUpload(ctx, &sdk.CreateMultipartUploadInput{
		Bucket: &s.bucket, Key: &key, Metadata: p.Meta,
		ContentType: set(h.ContentType), ContentEncoding: set(h.Encoding), ContentLanguage: set(h.Language),
		ContentDisposition: set(h.Disposition), CacheControl: set(h.CacheControl),
	})
	if err != nil {
		return "", s.failed(err)
	}
	return aws.ToString(r.UploadId), nil
}

// Part asks UploadPart.
func (s *Store) Part(ctx context.Context, key, id string, n int, body io.ReadSeeker, size int64) (string, error) {
	r, err := s.c.UploadPart(ctx, &sdk.UploadPartInput{
		Bucket: &s.bucket, Key: &key, UploadId: &id, PartNumber: aws.Int32(int32(n)), Body: body, ContentLength: &size,
	})
	if err != nil {
		return "", s.failed(err)
	}
	return bare(r.ETag), nil
}

// Complete asks CompleteMultipartUpload.
func (s *Store) Complete(ctx context.Context, key, id string, tags []string, p blob.Props, c blob.Cond) (blob.Object, error) {
	parts := make([]types.CompletedPart, len(tags))
	for i := range tags {
		parts[i] = types.CompletedPart{PartNumber: aws.Int32(int32(i + 1)), ETag: quoted(tags[i])}
	}
	match, none := conditions(c)
	r, err := s.c.CompleteMultipartUpload(ctx, &sdk.CompleteMultipartUploadInput{
		Bucket: &s.bucket, Key: &key, UploadId: &id, MultipartUpload: &types.CompletedMultipartUpload{Parts: parts}, IfMatch: match, IfNoneMatch: none,
	})
	if err != nil {
		return blob.Object{}, s.failed(err)
	}
	return blob.Object{Key: key, ETag: bare(r.ETag), Props: p, HasProps: true}, nil
}

// Abort asks AbortMultipartUpload.
func (s *Store) Abort(ctx context.Context, key, id string) error {
	_, err := s.c.AbortMultipartUpload(ctx, &sdk.AbortMultipartUploadInput{Bucket: &s.bucket, Key: &key, UploadId: &id})
	if err = s.failed(err); isNotFound(err) {
		return nil
	}
	return err
}

// copiesAtOnce is how many parts of a large copy run side by side.
const copiesAtOnce = 8

// copyParts copies what CopyObject does not take, part by part inside the store.
func (s *Store) copyParts(ctx context.Context, from blob.Object, to string, p blob.Props, c blob.Cond) (blob.Object, error) {
	id, err := s.Begin(ctx, to, p)
	if err != nil {
		return blob.Object{}, err
	}
	tags := make([]string, (from.Size+s.copyLimit-1)/s.copyLimit)
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(copiesAtOnce)
	for i := range tags {
		g.Go(func() error {
			first := int64(i) * s.copyLimit
			last := min(first+s.copyLimit, from.Size) - 1
			r, err := s.c.UploadPartCopy(gctx, &sdk.UploadPartCopyInput{
				Bucket: &s.bucket, Key: &to, UploadId: &id, PartNumber: aws.Int32(int32(i + 1)), CopySource: s.source(from.Key),
				CopySourceIfMatch: quoted(from.ETag), CopySourceRange: aws.String(fmt.Sprintf("bytes=%d-%d", first, last)),
			})
			if err != nil {
				return s.failed(err)
			}
			tags[i] = bare(r.CopyPartResult.ETag)
			return nil
		})
	}
	obj := blob.Object{}
	if err = g.Wait(); err == nil {
		obj, err = s.Complete(ctx, to, id, tags, p, c)
		obj.Size = from.Size
	}
	if err != nil {
		s.Abort(context.WithoutCancel(ctx), to, id) //nolint:errcheck // the copy's error says more
	}
	return obj, err
}
