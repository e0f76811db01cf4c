package azblob

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"io"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"
	sdk "github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"

	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/origin/blob"
)

// Put asks Put Blob.
func (s *Store) Put(ctx context.Context, key string, body io.ReadSeeker, size int64, p blob.Props, c blob.Cond) (blob.Object, error) {
	r, err := s.at(key).Upload(ctx, streaming.NopCloser(body), &blockblob.UploadOptions{
		Metadata: metadata(p), HTTPHeaders: headers(p), AccessConditions: conditions(c),
	})
	if err != nil {
		return blob.Object{}, s.failed(err)
	}
	return blob.Object{Key: key, Size: size, ETag: bare(r.ETag), Props: p, HasProps: true}, nil
}

// Copy asks Copy Blob, which takes place inside the account; onto the same key it asks Set Blob Metadata.
func (s *Store) Copy(ctx context.Context, from blob.Object, to string, p blob.Props, c blob.Cond) (blob.Object, error) {
	var err error
	if !from.HasProps {
		match := from.ETag
		if from, err = s.Head(ctx, from.Key); err != nil {
			return blob.Object{}, err
		}
		if from.ETag != match {
			return blob.Object{}, blob.ErrPrecondition
		}
	}
	made := blob.Object{Key: to, Size: from.Size, Props: p, HasProps: true}
	if to == from.Key {
		if c.Absent || c.Match != "" && c.Match != from.ETag {
			return blob.Object{}, blob.ErrPrecondition
		}
		r, err := s.at(to).SetMetadata(ctx, metadata(p), &sdk.SetMetadataOptions{AccessConditions: conditions(blob.Cond{Match: from.ETag})})
		if err != nil {
			return blob.Object{}, s.failed(err)
		}
		made.ETag = bare(r.ETag)
	} else if made.ETag, err = s.copyAway(ctx, from, to, p, c); err != nil {
		return blob.Object{}, err
	}
	if p.Headers == from.Props.Headers {
		return made, nil
	}
	r, err := s.at(to).SetHTTPHeaders(ctx, *headers(p), &sdk.SetHTTPHeadersOptions{AccessConditions: conditions(blob.Cond{Match: made.ETag})})
	if err != nil {
		return blob.Object{}, s.failed(err)
	}
	made.ETag = bare(r.ETag)
	return made, nil
}

// copyPoll is how often a copy that is not done at once is looked at.
const copyPoll = 500 * time.Millisecond

// copyAway copies to another key and returns the ETag. Inside an account that is done at once as a rule.
func (s *Store) copyAway(ctx context.Context, from blob.Object, to string, p blob.Props, c blob.Cond) (string, error) {
	r, err := s.at(to).StartCopyFromURL(ctx, s.at(from.Key).URL(), &sdk.StartCopyFromURLOptions{
		Metadata: metadata(p), AccessConditions: conditions(c),
		SourceModifiedAccessConditions: &sdk.SourceModifiedAccessConditions{SourceIfMatch: tag(from.ETag)},
	})
	if err != nil {
		return "", s.failed(err)
	}
	etag, status := bare(r.ETag), value(r.CopyStatus)
	for status == sdk.CopyStatusTypePending {
		select {
		case <-ctx.Done():
			return "", fault.Wrap(fault.Unavailable, ctx.Err(), "a copy inside Azure Blob Storage")
		case <-time.After(copyPoll):
		}
		is, err := s.at(to).GetProperties(ctx, nil)
		if err != nil {
			return "", s.failed(err)
		}
		etag, status = bare(is.ETag), value(is.CopyStatus)
	}
	if status != sdk.CopyStatusTypeSuccess {
		return "", fault.New(fault.Unavailable, "a copy inside Azure Blob Storage ended as %q", status)
	}
	return etag, nil
}

// Begin makes an id; the service is not asked.
func (s *Store) Begin(context.Context, string, blob.Props) (string, error) { return rand.Text(), nil }

// block names a part. All names of a blob's blocks are of one length.
func block(id string, n int) string {
	return base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "%s-%06d", id, n))
}

// Part asks Put Block.
func (s *Store) Part(ctx context.Context, key, id string, n int, body io.ReadSeeker, _ int64) (string, error) {
	name := block(id, n)
	_, err := s.at(key).StageBlock(ctx, name, streaming.NopCloser(body), nil)
	return name, s.failed(err)
}

// Complete asks Put Block List. Blocks that another upload or a put has removed meanwhile are ErrNotFound.
func (s *Store) Complete(ctx context.Context, key, _ string, tags []string, p blob.Props, c blob.Cond) (blob.Object, error) {
	r, err := s.at(key).CommitBlockList(ctx, tags, &blockblob.CommitBlockListOptions{
		Metadata: metadata(p), HTTPHeaders: headers(p), AccessConditions: conditions(c),
	})
	if err != nil {
		return blob.Object{}, s.failed(err)
	}
	return blob.Object{Key: key, ETag: bare(r.ETag), Props: p, HasProps: true}, nil
}

// Abort leaves the blocks to the service.
func (s *Store) Abort(context.Context, string, string) error { return nil }
