package forward

import (
	"encoding/hex"
	"io"
	"net/http"
	"strings"
)

// trace continues the caller's trace or starts one (W3C Trace Context): the upstream's parent is this call. The caller's
// flags are kept. A trace that starts here is marked as sampled, since tracing usually follows the parent's mark and an
// upstream would else trace nothing that comes through us. It gives the traceparent, "" if none can be had, and leaves in the
// header only what of the caller's goes with it.
func (p *Proxy) trace(h http.Header) string {
	var id [24]byte // trace id and parent id
	if _, err := io.ReadFull(p.random, id[:]); err != nil {
		delete(h, "Traceparent")
		delete(h, "Tracestate")
		return ""
	}
	var out [55]byte
	copy(out[:], "00-00000000000000000000000000000000-0000000000000000-01")
	hex.Encode(out[36:52], id[16:])
	if sent := h["Traceparent"]; len(sent) == 1 && validTraceparent(sent[0]) {
		copy(out[3:35], sent[0][3:35])
		copy(out[53:], sent[0][53:55])
	} else {
		hex.Encode(out[3:35], id[:16])
		delete(h, "Tracestate")
	}
	return string(out[:])
}

// validTraceparent reports whether the parts that version 00 knows are there. Later versions may append more.
func validTraceparent(s string) bool {
	if len(s) < 55 || s[2] != '-' || s[35] != '-' || s[52] != '-' {
		return false
	}
	if s[:2] == "ff" || s[:2] == "00" && len(s) != 55 || len(s) > 55 && s[55] != '-' {
		return false
	}
	for _, part := range []string{s[:2], s[3:35], s[36:52], s[53:55]} {
		if strings.Trim(part, "0123456789abcdef") != "" {
			return false
		}
	}
	return strings.Trim(s[3:35], "0") != "" && strings.Trim(s[36:52], "0") != ""
}
