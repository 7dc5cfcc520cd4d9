package core

import (
	"maps"
	"strconv"
	"strings"
)

// MTimeKey is under which name the time that a client gave is seen in metadata (x-amz-meta-mtime).
const MTimeKey = "mtime"

// ParseMTime reads a time of a client's as rclone and others write it in metadata: seconds since 1970 with up to 9
// decimals; false where it is none.
func ParseMTime(s string) (ns int64, ok bool) {
	whole, frac, dot := strings.Cut(s, ".")
	negative := strings.HasPrefix(whole, "-")
	seconds, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || seconds > 1<<33 || seconds < -1<<33 || dot && (frac == "" || len(frac) > 9) {
		return 0, false
	}
	nanos, err := strconv.ParseUint((frac + "000000000")[:9], 10, 32)
	if err != nil {
		return 0, false
	}
	if negative {
		return seconds*1e9 - int64(nanos), true
	}
	return seconds*1e9 + int64(nanos), true
}

// FormatMTime writes ns since 1970 as ParseMTime reads it.
func FormatMTime(ns int64) string {
	sign := ""
	if ns < 0 {
		sign, ns = "-", -ns
	}
	s := sign + strconv.FormatInt(ns/1e9, 10)
	if frac := ns % 1e9; frac != 0 {
		s += "." + strings.TrimRight(strconv.FormatInt(frac+1e9, 10)[1:], "0")
	}
	return s
}

// UnspelledMTime is what MTimeKey shows where the metadata itself does not spell that time; "" where it does, or there is
// none.
func (v *Version) UnspelledMTime() string {
	if v.MTime == NoTime {
		return ""
	}
	if ns, ok := ParseMTime(v.Attrs.Metadata[MTimeKey]); ok && ns == v.MTime {
		return ""
	}
	return FormatMTime(v.MTime)
}

// ClientMetadata returns a copy of the metadata as clients see it, with the time that one of them gave.
func (v *Version) ClientMetadata() map[string]string {
	all := make(map[string]string, len(v.Attrs.Metadata)+1)
	maps.Copy(all, v.Attrs.Metadata)
	if text := v.UnspelledMTime(); text != "" {
		all[MTimeKey] = text
	}
	return all
}

// SetClientMetadata replaces the metadata by what a client gives, with a time or without one. It takes the map over.
func (v *Version) SetClientMetadata(all map[string]string) {
	v.MTime = NoTime
	if ns, ok := ParseMTime(all[MTimeKey]); ok {
		v.MTime = ns
		if FormatMTime(ns) == all[MTimeKey] {
			delete(all, MTimeKey) // what is spelled otherwise comes back as it was sent
		}
	}
	v.Attrs.Metadata = all
}

// setMTime makes ns the client's time, or NoTime. A time that the metadata spells otherwise goes.
func (v *Version) setMTime(ns int64) {
	v.MTime = ns
	spelled, ok := v.Attrs.Metadata[MTimeKey]
	if !ok {
		return
	}
	if was, ok := ParseMTime(spelled); ok && was != ns {
		v.Attrs.Metadata = maps.Clone(v.Attrs.Metadata)
		delete(v.Attrs.Metadata, MTimeKey)
	}
}
