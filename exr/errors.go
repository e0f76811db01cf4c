package exr

import (
	"errors"
	"fmt"
	"io"
)

// Error is what is wrong with a file. It wraps io.ErrUnexpectedEOF where the file ends too early, and
// errors.ErrUnsupported where the file may be whole but cannot be read by this package.
type Error struct {
	Where string // the place in the file: "header", `part 1 "beauty"`, "lines 32 to 47"; may be empty
	Err   error
}

// Error says where and what.
func (e *Error) Error() string {
	if e.Where == "" {
		return e.Err.Error()
	}
	return e.Where + ": " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// at puts a place before err. A nil err stays nil.
func at(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	where := fmt.Sprintf(format, args...)
	var inner *Error
	if errors.As(err, &inner) {
		if inner.Where != "" {
			where += ", " + inner.Where
		}
		err = inner.Err
	}
	return &Error{Where: where, Err: err}
}

func damaged(format string, args ...any) error {
	return &Error{Err: fmt.Errorf(format, args...)}
}

func truncated(what string) error {
	return &Error{Err: fmt.Errorf("%s: %w", what, io.ErrUnexpectedEOF)}
}

func unsupported(format string, args ...any) error {
	return &Error{Err: fmt.Errorf("%w: %s", errors.ErrUnsupported, fmt.Sprintf(format, args...))}
}
