package s3test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

const algorithm = "AWS4-HMAC-SHA256"

// refuses checks a request's signature, version 4 ("Signature Calculations for the Authorization Header", Amazon S3 API
// Reference), and returns the code of the error, or "".
func (s *Server) refuses(r *http.Request, body []byte) string {
	rest, ok := strings.CutPrefix(r.Header.Get("Authorization"), algorithm+" ")
	if !ok {
		return "AccessDenied"
	}
	fields := map[string]string{}
	for part := range strings.SplitSeq(rest, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		fields[name] = value
	}
	key, scope, _ := strings.Cut(fields["Credential"], "/")
	if key != s.AccessKey {
		return "InvalidAccessKeyId"
	}
	date, _, _ := strings.Cut(scope, "/")
	if scope != date+"/"+s.Region+"/s3/aws4_request" {
		return "AuthorizationHeaderMalformed"
	}
	digest := r.Header.Get("X-Amz-Content-Sha256")
	if sum := sha256.Sum256(body); digest != hex.EncodeToString(sum[:]) {
		return "XAmzContentSHA256Mismatch"
	}
	signed := strings.Split(fields["SignedHeaders"], ";")
	for name := range r.Header {
		if lower := strings.ToLower(name); strings.HasPrefix(lower, "x-amz-") && !slices.Contains(signed, lower) {
			return "AccessDenied" // a header that is not signed may be anybody's
		}
	}
	sum := sha256.Sum256([]byte(canonical(r, signed, digest)))
	text := strings.Join([]string{algorithm, r.Header.Get("X-Amz-Date"), scope, hex.EncodeToString(sum[:])}, "\n")
	mac := []byte("AWS4" + s.SecretKey)
	for _, step := range append(strings.Split(scope, "/"), text) {
		h := hmac.New(sha256.New, mac)
		h.Write([]byte(step))
		mac = h.Sum(nil)
	}
	if fields["Signature"] != hex.EncodeToString(mac) {
		return "SignatureDoesNotMatch"
	}
	return ""
}

// canonical is the text whose digest is signed.
func canonical(r *http.Request, signed []string, digest string) string {
	path, query, _ := strings.Cut(r.RequestURI, "?")
	var params []string
	if query != "" {
		params = strings.Split(query, "&")
		for i, p := range params {
			if !strings.Contains(p, "=") {
				params[i] = p + "="
			}
		}
		slices.Sort(params)
	}
	var headers strings.Builder
	for _, name := range signed {
		value := strings.Join(r.Header.Values(name), ",")
		switch name {
		case "host":
			value = r.Host
		case "content-length":
			value = strconv.FormatInt(r.ContentLength, 10)
		}
		headers.WriteString(name + ":" + strings.Join(strings.Fields(value), " ") + "\n")
	}
	return strings.Join([]string{r.Method, path, strings.Join(params, "&"), headers.String(), strings.Join(signed, ";"), digest}, "\n")
}
