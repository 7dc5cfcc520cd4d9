package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"trivium/nativeapi/client"
	v1 "trivium/nativeapi/v1"
)

// objectCommand works with objects.
func objectCommand() *cobra.Command {
	cmd := groupCommand("object", "List, store, fetch and delete objects", `List, store, fetch and delete objects, beside a running server or without one.
An object is named BUCKET/KEY; what stands before the first slash of the key is its package.`)
	cmd.AddCommand(objectList(), objectPut(), objectGet(), objectRemove(), objectVersions(), objectRestore(), objectStatus())
	return cmd
}

// place is where an object is, or the objects of a prefix.
type place struct{ bucket, pkg, path string }

// parsePlace reads BUCKET/KEY.
func parsePlace(s string) (p place) {
	var key string
	p.bucket, key, _ = strings.Cut(s, "/")
	if i := strings.IndexByte(key, '/'); i > 0 {
		p.pkg, p.path = key[:i], key[i+1:]
	} else {
		p.path = key
	}
	return p
}

// String is BUCKET/KEY.
func (p place) String() string {
	if p.pkg == "" {
		return p.bucket + "/" + p.path
	}
	return p.bucket + "/" + p.pkg + "/" + p.path
}

// key is what the place has behind the bucket.
func (p place) key() string {
	if p.pkg == "" {
		return p.path
	}
	return p.pkg + "/" + p.path
}

// find finds the object at a place; with deleted, also one that was deleted where versions are kept.
func (p place) find(ctx context.Context, a client.API, deleted bool) (v1.ObjectInfo, error) {
	if p.bucket == "" || p.path == "" {
		return v1.ObjectInfo{}, fmt.Errorf("%s names no object: give BUCKET/KEY", p)
	}
	info, err := a.InfoNamed(ctx, p.bucket, p.key(), deleted)
	return info, about(p.String(), err)
}

// about says what an error is about, unless the server has said so.
func about(name string, err error) error {
	if err == nil {
		return nil
	}
	bucket, _, _ := strings.Cut(name, "/")
	if text := err.Error(); strings.HasPrefix(text, name+": ") || strings.HasPrefix(text, bucket+": ") {
		return err
	}
	return fmt.Errorf("%s: %w", name, err)
}

// withAPI runs work with a client of the native API.
func withAPI(cmd *cobra.Command, c *config, work func(ctx context.Context, a client.API) error) error {
	return administer(cmd, c, func(ctx context.Context, a *client.Client) error { return work(ctx, a.API()) })
}

// missing tells that a call answered that there is no such thing.
func missing(err error) bool {
	e, ok := errors.AsType[*client.Error](err)
	return ok && e.Code == "DataNotFound"
}

// objectPut stores a file.
func objectPut() *cobra.Command {
	var c config
	var out printer
	cmd := &cobra.Command{
		Use: "put FILE BUCKET/KEY", Short: "Store a file; - is the standard input",
		Long: "Store a file; - is the standard input. A bucket alone, or a key that ends in a slash, gets the name of the file.\nThe package is made if it is not there.",
		Args: someArguments(2, "a file and BUCKET/KEY"),
		RunE: func(cmd *cobra.Command, args []string) error {
			to := parsePlace(args[1])
			if (to.path == "" || strings.HasSuffix(to.path, "/")) && args[0] != "-" {
				to.path += path.Base(strings.ReplaceAll(args[0], string(os.PathSeparator), "/"))
			}
			in, size, err := openSource(cmd, args[0])
			if err != nil {
				return err
			}
			defer func() { _ = in.Close() }()
			if to.bucket == "" || to.path == "" {
				return fmt.Errorf("%s names no object: give BUCKET/KEY", args[1])
			}
			return withAPI(cmd, &c, func(ctx context.Context, a client.API) error {
				if err := packageFor(ctx, a, to); err != nil {
					return err
				}
				bar := newProgress(cmd.ErrOrStderr(), to.String(), size)
				o, err := a.PutNamed(ctx, to.bucket, to.key(), bar.reader(in), size)
				bar.end(err == nil)
				if err != nil {
					return about(to.String(), err)
				}
				return out.print(cmd, o, fmt.Sprintf("%s stored, %d bytes, %s", to, o.Size, o.FileHash))
			})
		},
	}
	adminFlags(cmd, &c, &out)
	cmd.ValidArgsFunction = fileThen(c.names(objectNames, false))
	return cmd
}

// openSource opens what is to be stored; size is -1 when it is not known.
func openSource(cmd *cobra.Command, name string) (io.ReadCloser, int64, error) {
	if name == "-" {
		return io.NopCloser(cmd.InOrStdin()), -1, nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err == nil && info.IsDir() {
		err = fmt.Errorf("%s is a directory: put stores one file", name)
	}
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	if !info.Mode().IsRegular() {
		return f, -1, nil
	}
	return f, info.Size(), nil
}

// packageFor makes the package of a place where there is none, so that it stays when it is empty. A key without a slash
// has none: then only the bucket must be there, before a body is sent that would be refused.
func packageFor(ctx context.Context, a client.API, p place) error {
	if p.pkg == "" {
		_, err := a.Bucket(ctx, p.bucket)
		return about(p.bucket, err)
	}
	_, err := a.Package(ctx, p.bucket, p.pkg)
	if err == nil || !missing(err) {
		return about(p.bucket, err)
	}
	b, err := a.Bucket(ctx, p.bucket)
	if err != nil {
		return about(p.bucket, err)
	}
	_, err = a.CreatePackage(ctx, b.BucketID, p.pkg)
	if e, ok := errors.AsType[*client.Error](err); ok && e.Code == "DataExists" { // somebody else was faster
		err = nil
	}
	return about(p.String(), err)
}

// objectGet fetches an object.
func objectGet() *cobra.Command {
	var c config
	var out printer
	var version string
	cmd := &cobra.Command{
		Use: "get BUCKET/KEY [FILE]", Short: "Fetch an object into a file; - is the standard output",
		Long: `Fetch an object into a file, by default one of its name in the working directory; - is the standard output, and a
directory gets a file of that name. The file appears when it is whole, in the place of one that is there already.`,
		Args: betweenArguments(1, 2, "BUCKET/KEY and, if it is to have another name, a file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			from := parsePlace(args[0])
			file := path.Base(from.path)
			if len(args) == 2 {
				file = targetFile(args[1], file)
			}
			return withAPI(cmd, &c, func(ctx context.Context, a client.API) error {
				info, err := from.find(ctx, a, version != "")
				if err != nil {
					return err
				}
				content, err := a.Download(ctx, info.Object.ObjectID, version)
				if err != nil {
					return about(from.String(), err)
				}
				bar := newProgress(cmd.ErrOrStderr(), from.String(), content.Size)
				err = fetch(cmd, file, bar.reader(content))
				err = errors.Join(err, content.Close())
				bar.end(err == nil)
				if err != nil || file == "-" {
					return err
				}
				return out.print(cmd, info.Object, fmt.Sprintf("%s fetched into %s, %d bytes", from, file, content.Size))
			})
		},
	}
	adminFlags(cmd, &c, &out)
	cmd.ValidArgsFunction = thenFile(c.names(objectNames, false))
	cmd.Flags().StringVar(&version, "version", "", "version to fetch instead of the current one")
	return cmd
}

// targetFile is the file that a name stands for: in a directory it is the one of the object's name.
func targetFile(name, object string) string {
	info, err := os.Stat(name)
	if err == nil && info.IsDir() || strings.HasSuffix(name, string(os.PathSeparator)) {
		return filepath.Join(name, object)
	}
	return name
}

// fetch writes content into a file, which appears when it is whole. Errors name that file, and not what lies beside it
// until then.
func fetch(cmd *cobra.Command, name string, content io.Reader) (err error) {
	if name == "-" {
		_, err = io.Copy(cmd.OutOrStdout(), content)
		return err
	}
	if info, err := os.Stat(name); err == nil && info.IsDir() {
		return fmt.Errorf("%s is a directory", name)
	}
	dir, base := filepath.Split(name)
	part := dir + "." + base + "." + rand.Text()[:8] + ".part"
	f, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666) //nolint:gosec // as any program makes files: the umask decides
	if err != nil {
		return unpart(name, err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	if _, err = io.Copy(f, content); err != nil {
		return unpart(name, errors.Join(err, f.Close()))
	}
	if err = errors.Join(f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), name)
	}
	return unpart(name, err)
}

// unpart makes an error about the part of a file one about that file.
func unpart(name string, err error) error {
	if e, ok := errors.AsType[*os.PathError](err); ok {
		return fmt.Errorf("%s: %w", name, e.Err)
	}
	if e, ok := errors.AsType[*os.LinkError](err); ok {
		return fmt.Errorf("%s: %w", name, e.Err)
	}
	return err
}

// objectRemove deletes objects.
func objectRemove() *cobra.Command {
	var c config
	var out printer
	cmd := &cobra.Command{
		Use: "rm BUCKET/KEY...", Short: "Delete objects", Args: betweenArguments(1, v1.MaxItems, "BUCKET/KEY of each object"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withAPI(cmd, &c, func(ctx context.Context, a client.API) error {
				var ids []int64
				for _, arg := range args {
					info, err := parsePlace(arg).find(ctx, a, false)
					if err != nil {
						return err
					}
					ids = append(ids, info.Object.ObjectID)
				}
				if err := a.Delete(ctx, ids...); err != nil {
					return err
				}
				return out.print(cmd, v1.Delete{ObjectIDs: ids}, some(args)+" deleted")
			})
		},
	}
	adminFlags(cmd, &c, &out)
	cmd.ValidArgsFunction = c.names(objectNames, true)
	return cmd
}

// objectRef are the arguments of commands for an object that may be deleted: its place or, by --id, its id. Of deleted
// objects that had one name, the place finds the last.
type objectRef struct{ id int64 }

func (r *objectRef) addFlag(cmd *cobra.Command) {
	cmd.Flags().Int64Var(&r.id, "id", 0, "objectID of the object, in place of BUCKET/KEY")
}

// find returns the id, and the arguments behind it.
func (r *objectRef) find(ctx context.Context, a client.API, args []string) (int64, []string, error) {
	if r.id != 0 {
		return r.id, args, nil
	}
	if len(args) == 0 {
		return 0, nil, errors.New("name the object: BUCKET/KEY, or --id")
	}
	info, err := parsePlace(args[0]).find(ctx, a, true)
	return info.Object.ObjectID, args[1:], err
}

// objectVersions lists the versions of an object.
func objectVersions() *cobra.Command {
	var c config
	var out printer
	var ref objectRef
	cmd := &cobra.Command{
		Use: "versions BUCKET/KEY", Short: "List the versions of an object, newest first", Args: betweenArguments(0, 1, "BUCKET/KEY"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withAPI(cmd, &c, func(ctx context.Context, a client.API) error {
				id, _, err := ref.find(ctx, a, args)
				if err != nil {
					return err
				}
				versions, err := a.Versions(ctx, id)
				if err != nil {
					return err
				}
				rows := [][]string{{"VERSION", "SIZE", "SINCE", ""}}
				for _, v := range versions {
					rows = append(rows, []string{v.VersionID, fmt.Sprint(int64(v.Size)), v.CreateTime.Format(time.DateTime), versionState(&v)})
				}
				return out.table(cmd, versions, rows)
			})
		},
	}
	adminFlags(cmd, &c, &out)
	cmd.ValidArgsFunction = c.names(objectNames, false)
	ref.addFlag(cmd)
	return cmd
}

// versionState says in words what a version is.
func versionState(v *v1.Version) string {
	switch {
	case v.IsDeleteMarker:
		return "deleted"
	case v.IsLatest:
		return "current"
	}
	return ""
}

// objectRestore brings an older version back.
func objectRestore() *cobra.Command {
	var c config
	var out printer
	var ref objectRef
	cmd := &cobra.Command{
		Use: "restore BUCKET/KEY VERSION", Short: "Make an older version of an object the current one again",
		Args: betweenArguments(1, 2, "BUCKET/KEY and a version"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withAPI(cmd, &c, func(ctx context.Context, a client.API) error {
				id, rest, err := ref.find(ctx, a, args)
				if err == nil && len(rest) != 1 {
					err = errors.New("name one version: trivium object versions lists them")
				}
				if err != nil {
					return err
				}
				o, err := a.Restore(ctx, id, rest[0])
				if err != nil {
					return err
				}
				return out.print(cmd, o, fmt.Sprintf("version %s of %s restored, %d bytes", rest[0], o.Path, o.Size))
			})
		},
	}
	adminFlags(cmd, &c, &out)
	cmd.ValidArgsFunction = c.names(objectNames, false)
	ref.addFlag(cmd)
	return cmd
}

// someArguments is for commands that take n arguments.
func someArguments(n int, what string) cobra.PositionalArgs { return betweenArguments(n, n, what) }

// betweenArguments is for commands that take from least to most arguments.
func betweenArguments(least, most int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < least:
			return fmt.Errorf("%s needs %s: %s", cmd.CommandPath(), what, cmd.UseLine())
		case len(args) > most:
			return fmt.Errorf("%s takes %s and nothing else: what is %q?", cmd.CommandPath(), what, args[most])
		}
		return nil
	}
}
