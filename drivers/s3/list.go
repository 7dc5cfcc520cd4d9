package s3

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"trivium/drivers"
)

// List implements drivers.Driver, a page of 1,000 at a time. A store that lists out of order, or that begins from the
// start again, is an error.
func (d *Driver) List(ctx context.Context, prefix string, opts drivers.ListOptions) iter.Seq2[drivers.Info, error] {
	return func(yield func(drivers.Info, error) bool) {
		if err := d.list(ctx, prefix, opts, yield); err != nil {
			yield(drivers.Info{}, d.fail(ctx, "list", prefix, err))
		}
	}
}

func (d *Driver) list(ctx context.Context, prefix string, opts drivers.ListOptions, yield func(drivers.Info, error) bool) error {
	under := ""
	if prefix != "" {
		if err := check(ctx, prefix); err != nil {
			return err
		}
		under = prefix + "/"
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	in := &s3.ListObjectsV2Input{Bucket: &d.set.bucket, EncodingType: types.EncodingTypeUrl}
	if under != "" {
		in.Prefix = &under
	}
	if !opts.Recursive {
		in.Delimiter = aws.String("/")
	}
	if start := validPart(opts.StartAfter); start > under {
		if !strings.HasPrefix(start, under) {
			return nil // behind everything below prefix
		}
		in.StartAfter = &start
	}
	return d.pages(ctx, in, max(under, opts.StartAfter), yield)
}

// validPart returns s up to its first byte that is not UTF-8 or is NUL: it is no greater than s, and can be sent.
func validPart(s string) string {
	for i, r := range s {
		if r == 0 || r == utf8.RuneError && !strings.HasPrefix(s[i:], string(utf8.RuneError)) {
			return s[:i]
		}
	}
	return s
}

// pages yields what is listed behind start, until yield has enough.
func (d *Driver) pages(ctx context.Context, in *s3.ListObjectsV2Input, start string, yield func(drivers.Info, error) bool) error {
	last := ""
	for {
		page, err := d.client.ListObjectsV2(ctx, in)
		if err != nil {
			return err
		}
		infos, err := d.infos(page)
		if err != nil {
			return err
		}
		for _, info := range infos {
			key := info.Key()
			if err := d.inPlace(in, key, last); err != nil {
				return err
			}
			if key <= start || key == last || !usable(info.Name) {
				continue
			}
			last = key
			if !yield(info, nil) {
				return nil
			}
			if err := ctx.Err(); err != nil {
				return err
			}
		}
		next := aws.ToString(page.NextContinuationToken)
		switch {
		case !aws.ToBool(page.IsTruncated):
			return nil
		case next == "" || next == aws.ToString(in.ContinuationToken):
			return d.malformed("a page of a list without the way to the next one")
		}
		in.ContinuationToken = &next
	}
}

// inPlace refuses a key that does not belong into the list that was asked for, or not behind last.
func (d *Driver) inPlace(in *s3.ListObjectsV2Input, key, last string) error {
	rest, ok := strings.CutPrefix(key, aws.ToString(in.Prefix))
	deep := in.Delimiter != nil && strings.Contains(strings.TrimRight(rest, "/"), "/")
	switch {
	case !ok || deep:
		return d.malformed(fmt.Sprintf("the key %.100q in a list of %.100q", key, aws.ToString(in.Prefix)))
	case key < last:
		return d.malformed(fmt.Sprintf("a list out of order: %.100q behind %.100q", key, last))
	}
	return nil
}

// infos returns what a page shows, in order of their keys.
func (d *Driver) infos(page *s3.ListObjectsV2Output) ([]drivers.Info, error) {
	if page.IsTruncated == nil {
		return nil, d.malformed("a list that does not tell whether it goes on")
	}
	infos := make([]drivers.Info, 0, len(page.Contents)+len(page.CommonPrefixes))
	name := func(encoded *string) (string, error) {
		if page.EncodingType != types.EncodingTypeUrl {
			return aws.ToString(encoded), nil
		}
		decoded, err := url.QueryUnescape(aws.ToString(encoded))
		if err != nil {
			return "", d.malformed("a list whose keys are not encoded as it says")
		}
		return decoded, nil
	}
	for _, o := range page.Contents {
		key, err := name(o.Key)
		if err != nil {
			return nil, err
		}
		if o.Size == nil {
			return nil, d.malformed("a list without sizes")
		}
		if !strings.HasSuffix(key, "/") {
			infos = append(infos, infoOf(key, *o.Size, o.LastModified))
		}
	}
	for _, p := range page.CommonPrefixes {
		key, err := name(p.Prefix)
		if err != nil {
			return nil, err
		}
		infos = append(infos, drivers.Info{Name: strings.TrimSuffix(key, "/"), IsDir: true})
	}
	slices.SortFunc(infos, func(a, b drivers.Info) int { return cmp.Compare(a.Key(), b.Key()) })
	return infos, nil
}
