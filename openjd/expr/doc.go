// Package expr is the expression language of Open Job Description (extension EXPR, Expression Language 2026-02): a
// subset of Python's expressions over typed values, without side effects, within limits of operations and memory.
//
// An expression is parsed once and evaluated in a Scope, which knows names, the host's path format and the limits.
// Checking and running are one thing: a name whose value is not known yet is Unresolved, and what depends on it comes
// out Unresolved with the types that it can have, or as the error that it will be in any case.
//
// Section numbers in comments are those of the Expression Language page.
package expr
