package demo

import (
	"fmt"
	"io"
	"strings"
)

// Places is where a running platform is.
type Places struct {
	Gateway, Management string // URLs
	AdminKey            string // path of the file that keeps the admin key
}

// Print prints what to try: a sentence, then a curl line that can be pasted as it is.
func Print(w io.Writer, at Places, keys Keys) error {
	orders := at.Gateway + "/orders/v1"
	key := func(app string) string { return "-H 'x-api-key: " + keys[app].Key + "'" }
	admin := `-H "authorization: Bearer $(cat ` + shellQuote(at.AdminKey) + `)"`
	tell := func(path string) string { return "curl -sS " + admin + " '" + at.Management + "/admin/v1" + path + "'" }
	var b strings.Builder
	for _, l := range [][2]string{
		{"list orders, as the partner ACME", "curl -sS " + key("acme-erp") + " '" + orders + "/orders?limit=3'"},
		{"read one", "curl -sS " + key("acme-erp") + " '" + orders + "/orders/O-10012'"},
		{"place one", "curl -sS " + key("acme-erp") + ` -H 'content-type: application/json' -d '{"customer":"C-1007","lines":[{"product":"P-200","quantity":2}]}' '` + orders + "/orders'"},
		{"call faster than the free plan allows: 5 calls pass, then 429 with Retry-After",
			"curl -sS -o /dev/null -w '%{http_code} retry-after: %header{retry-after}\\n' " + key("prototype") + " '" + orders + "/orders?limit=[1-12]'"},
		{"be refused: the free plan lacks the scope to place orders, and the answer says so",
			"curl -sS " + key("prototype") + ` -H 'content-type: application/json' -d '{"customer":"C-1007","lines":[{"product":"P-200","quantity":2}]}' '` + orders + "/orders'"},
		{"be refused: no key", "curl -sS '" + orders + "/orders'"},
		{"need no key: the products are for everybody, 5 calls in 10 s from one address, then 429",
			"curl -sS -o /dev/null -w '%{http_code} retry-after: %header{retry-after}\\n' '" + orders + "/products?page=[1-8]'"},
		{"usage, a few seconds later: who called how often", tell("/usage?api=orders&step=minute&group_by=app")},
		{"limits: what is left of the free plan", tell("/limits?app=prototype&api=orders")},
		{"plans: while limits cannot be checked, on_store_outage refuses (closed), spends what is leased (lease) or goes on for a bit (open)", tell("/plans")},
		{"audit: who changed what", tell("/audit?limit=3")},
	} {
		fmt.Fprintf(&b, "\n# %s\n%s\n", l[0], l[1])
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// shellQuote quotes a path for a POSIX shell where it needs it.
func shellQuote(s string) string {
	plain := func(r rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-", r)
	}
	if strings.IndexFunc(s, plain) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
