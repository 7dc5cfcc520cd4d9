package core

import "strings"

// second is one second in ns: conditions on times are judged in whole seconds, as HTTP dates are.
const second = 1_000_000_000

// judgeRead judges the conditions of a read of v in the order of RFC 9110 §13.2.2: If-Match, else
// If-Unmodified-Since, give PreconditionFailed; If-None-Match, else If-Modified-Since, give NotModified. So a
// true If-Match outweighs a false If-Unmodified-Since, and a false If-None-Match a false If-Modified-Since.
func (c *Conditions) judgeRead(v *Version) error {
	if len(c.IfMatch) > 0 {
		if !matchStrong(c.IfMatch, v.ETag) {
			return failed("If-Match")
		}
	} else if c.IfUnmodifiedSince != 0 && later(c.shown(v), c.IfUnmodifiedSince) {
		return failed("If-Unmodified-Since")
	}
	if len(c.IfNoneMatch) > 0 {
		if matchWeak(c.IfNoneMatch, v.ETag) {
			return Errorf(NotModified, "", "the content has the given ETag")
		}
	} else if c.IfModifiedSince != 0 && !later(c.shown(v), c.IfModifiedSince) {
		return Errorf(NotModified, "", "the content was not modified since")
	}
	return nil
}

// judgeSource judges the conditions on the source of a copy: as those of a read, but what would be
// NotModified there is PreconditionFailed here (S3 CopyObject).
func (c *Conditions) judgeSource(v *Version) error {
	err := c.judgeRead(v)
	if CodeOf(err) == NotModified && err != nil {
		return failed("If-None-Match or If-Modified-Since of the source")
	}
	return err
}

// judgeWrite judges the conditions of a write over v, the live current version, or nil when there is none:
// If-Match without one is NoSuchKey (S3 PutObject), everything else that is false PreconditionFailed.
func (c *Conditions) judgeWrite(v *Version) error {
	if c.Empty() {
		return nil
	}
	if v == nil {
		if len(c.IfMatch) > 0 {
			return Errorf(NoSuchKey, "", "there is no object that If-Match could match")
		}
		return nil
	}
	if len(c.IfMatch) > 0 {
		if !matchStrong(c.IfMatch, v.ETag) {
			return failed("If-Match")
		}
	} else if c.IfUnmodifiedSince != 0 && later(c.shown(v), c.IfUnmodifiedSince) {
		return failed("If-Unmodified-Since")
	}
	if len(c.IfNoneMatch) > 0 && matchWeak(c.IfNoneMatch, v.ETag) {
		return failed("If-None-Match")
	}
	if c.IfSize != nil && *c.IfSize != v.Size {
		return failed("If-Match-Size")
	}
	if c.IfUpdateTime != 0 && c.IfUpdateTime/second != v.UpdateTime/second {
		return failed("If-Match-Last-Modified-Time")
	}
	return nil
}

// names tells whether v is what the validator names. ETags are compared strongly (RFC 9110 §13.1.5).
func (d *Validator) names(v *Version) bool {
	if d.UpdateTime != 0 {
		return d.UpdateTime/second == v.UpdateTime/second
	}
	return d.ETag != "" && d.ETag == v.ETag
}

func failed(condition string) error {
	return Errorf(PreconditionFailed, "", "the condition %s is false", condition)
}

// shown is the time of v that conditions on times are judged on.
func (c *Conditions) shown(v *Version) int64 {
	if c.FileTime {
		return v.FileTime()
	}
	return v.UpdateTime
}

// later tells whether t is in a later second than bound.
func later(t, bound int64) bool { return wholeSecond(t) > wholeSecond(bound) }

// wholeSecond is the second since 1970 in which t is; clients may give times before that.
func wholeSecond(t int64) int64 {
	s := t / second
	if t%second < 0 {
		s--
	}
	return s
}

// matchStrong compares strongly (RFC 9110 §8.8.3.2): a weak ETag of the client matches nothing.
func matchStrong(given []string, etag string) bool {
	for _, g := range given {
		if g == "*" || g == etag {
			return true
		}
	}
	return false
}

// matchWeak compares weakly: W/ does not count.
func matchWeak(given []string, etag string) bool {
	for _, g := range given {
		if g == "*" || strings.Trim(strings.TrimPrefix(g, "W/"), `"`) == etag {
			return true
		}
	}
	return false
}
