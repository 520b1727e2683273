package manage

import (
	"context"
	"net/netip"
	"net/url"
	"strings"

	"code.dny.dev/ssrf"

	"sluice/functions/catalog/describe"
	"sluice/shared/catalog"
	"sluice/shared/problem"
	"sluice/shared/resource"
	"sluice/shared/settings"
)

func (m *manager) versions() resource.Collection[catalog.Version, *catalog.Version] {
	return resource.Collection[catalog.Version, *catalog.Version]{
		Model: describe.Version(), Kind: catalog.KindVersion, Noun: "version", Path: base + "/apis/{api}/versions/{version}",
		Store: m.Versions, Identify: versionRef,
		Location: func(v catalog.Version) string {
			return base + resource.ItemPath("apis", string(v.API), "versions", string(v.Version))
		},
		Select: func(ctx context.Context, c *resource.Call, q *catalog.Query) error {
			q.Parent = &catalog.Ref{Kind: catalog.KindAPI, ID: c.Path["api"]}
			_, err := m.APIs.Get(ctx, *q.Parent)
			return err
		},
		Fill:  fillVersion,
		Owner: m.ownerOfVersion,
		Judge: func(_ context.Context, before, after *catalog.Version) error {
			if before == nil || before.Upstream.URL != after.Upstream.URL {
				if err := m.judgeUpstream("/upstream/url", after.Upstream.URL); err != nil {
					return err
				}
			}
			if f := after.Upstream.Fallback; f != nil && f.URL != "" {
				return m.judgeUpstream("/upstream/fallback/url", f.URL)
			}
			return nil
		},
		Keep: func(_ *resource.Call, v catalog.Version) error {
			if v.State.Served() {
				return problem.New(problem.Conflict, "the version is %s: consumers may be calling it; retire it first", v.State)
			}
			return nil
		},
	}
}

// versionRef reads the version that the path names.
func versionRef(c *resource.Call) catalog.Ref {
	return catalog.VersionRef(catalog.APIID(c.Path["api"]), catalog.VersionID(c.Path["version"]))
}

// fillVersion sets what is not the client's to say, and what the client left out.
func fillVersion(c *resource.Call, v *catalog.Version) {
	v.API = catalog.APIID(c.Path["api"])
	if v.State == "" {
		v.State = catalog.Draft
	}
	if v.Validation.Request == "" {
		v.Validation.Request = "report"
	}
	if v.Validation.Response == "" {
		v.Validation.Response = "report"
	}
}

// ownerOfVersion is the team of the API, which must be there: it is part of the path.
func (m *manager) ownerOfVersion(ctx context.Context, v catalog.Version) (catalog.TeamID, error) {
	api, err := m.APIs.Get(ctx, catalog.Ref{Kind: catalog.KindAPI, ID: string(v.API)})
	return api.Team, err
}

// judgeUpstream refuses what the proxy would refuse to dial, as far as the URL itself tells. Names are resolved, and
// judged again, at each dial.
func (m *manager) judgeUpstream(pointer, address string) error {
	u, err := url.Parse(address)
	if err != nil || m.Networks != settings.PublicNetworks {
		return nil // Validate says what is wrong with a URL
	}
	host := strings.ToLower(strings.TrimSuffix(u.Hostname(), "."))
	refusal := fault(pointer, "leads to an address that is not public, which this deployment does not allow")
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return refusal
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		if looksLikeIPv4(host) { // 127.1, 0x7f000001, 2130706433: some resolvers take them for addresses
			return refusal
		}
		return nil
	}
	ip = ip.WithZone("").Unmap()
	network := "tcp4"
	if ip.Is6() {
		network = "tcp6"
	}
	if ssrf.New(ssrf.WithAnyPort()).Safe(network, netip.AddrPortFrom(ip, 443).String(), nil) != nil {
		return refusal
	}
	return nil
}

// looksLikeIPv4 reports whether the last label is a number: no host name on the Internet ends in one (RFC 3696 §2).
func looksLikeIPv4(host string) bool {
	last := host[strings.LastIndexByte(host, '.')+1:]
	if strings.HasPrefix(last, "0x") {
		return true
	}
	return last != "" && strings.Trim(last, "0123456789") == ""
}
