package nativeapi

import (
	"slices"

	"trivium/core/content"
	v1 "trivium/nativeapi/v1"
)

// redundancyDoc shows a policy with its defaults filled in.
func redundancyDoc(p *content.Policy) v1.Redundancy {
	doc := v1.Redundancy{Type: p.Redundancy.String(), Strict: p.Strict, DegradedWrites: p.DegradedWrites}
	switch p.Redundancy {
	case content.None:
	case content.Copies:
		doc.RepCount = p.N
	case content.ErasureCoded, content.LocallyRepairable:
		doc.K, doc.N, doc.Groups, doc.ChunkSize = p.K, p.N, slices.Clone(p.Groups), p.Chunk()
	}
	return doc
}

// redundancyOf reads a policy; its limits are core's to judge.
func redundancyOf(in *v1.Redundancy) (content.Policy, error) {
	p := content.Policy{Strict: in.Strict, DegradedWrites: in.DegradedWrites}
	wrong := func(field string) (content.Policy, error) {
		return p, badArgument("policy.redundancy." + field + ": " + short(in.Type) + " has no such field")
	}
	if in.Type != v1.RedundancyRep && in.RepCount != 0 {
		return wrong("repCount")
	}
	if in.Type == v1.RedundancyNone || in.Type == v1.RedundancyRep {
		switch {
		case in.K != 0:
			return wrong("k")
		case in.N != 0:
			return wrong("n")
		case in.ChunkSize != 0:
			return wrong("chunkSize")
		}
	}
	if in.Type != v1.RedundancyLRC && len(in.Groups) > 0 {
		return wrong("groups")
	}
	switch in.Type {
	case v1.RedundancyNone:
	case v1.RedundancyRep:
		p.Redundancy, p.N = content.Copies, orDefault(in.RepCount, 2)
	case v1.RedundancyEC:
		p.Redundancy, p.K, p.N, p.ChunkSize = content.ErasureCoded, orDefault(in.K, 2), in.N, in.ChunkSize
		p.N = orDefault(p.N, p.K+1)
	case v1.RedundancyLRC:
		p.Redundancy, p.K, p.N, p.ChunkSize = content.LocallyRepairable, orDefault(in.K, 2), in.N, in.ChunkSize
		p.Groups = slices.Clone(in.Groups)
		if len(p.Groups) == 0 {
			p.Groups = []int{p.K}
		}
		p.N = orDefault(p.N, p.K+len(p.Groups)+1)
	default:
		return p, badArgument("policy.redundancy.type: " + short(in.Type) + ": it must be none, rep, ec or lrc")
	}
	return p, nil
}

// orDefault is n, or what stands for 0.
func orDefault(n, otherwise int) int {
	if n == 0 {
		return otherwise
	}
	return n
}
