package nativeapi

import (
	"net/http"

	"trivium/core"
	v1 "trivium/nativeapi/v1"
)

// createPackage is POST package/create.
func createPackage(w http.ResponseWriter, r *request) error {
	var in v1.NewPackage
	if err := r.decode(&in); err != nil {
		return err
	}
	p, err := r.se.CreatePackage(r.Context(), in.BucketID, in.Name)
	if err != nil {
		return named("name", err)
	}
	return r.reply(w, v1.OnePackage{Package: packageDoc(&p)})
}

// getPackage is GET package/getByFullName.
func getPackage(w http.ResponseWriter, r *request) error {
	bucket, err := r.needText("bucketName")
	if err != nil {
		return err
	}
	name, _, err := r.text("packageName")
	if err != nil {
		return err
	}
	p, err := r.se.PackageNamed(r.Context(), bucket, name)
	if err != nil {
		return err
	}
	return r.reply(w, v1.OnePackage{Package: packageDoc(&p)})
}

// getPackageByID is GET package/getByID.
func getPackageByID(w http.ResponseWriter, r *request) error {
	id, err := r.number("packageID")
	if err != nil {
		return err
	}
	p, _, err := r.se.Package(r.Context(), id, core.AccessRead)
	if err != nil {
		return err
	}
	return r.reply(w, v1.OnePackage{Package: packageDoc(&p)})
}

// listPackages is GET package/listBucketPackages. The answer is streamed: nobody bounds how many there are.
func listPackages(w http.ResponseWriter, r *request) error {
	id, err := r.number("bucketID")
	if err != nil {
		return err
	}
	next := func(after int64) ([]core.Package, error) {
		return r.se.Packages(r.Context(), id, after, v1.MaxPage)
	}
	page, err := next(0)
	if err != nil {
		return err
	}
	s := r.stream(w, "packages")
	for len(page) > 0 {
		for i := range page {
			s.item(packageDoc(&page[i]))
		}
		if len(page) < v1.MaxPage {
			break
		}
		page, err = next(page[len(page)-1].ID)
		s.check(err)
	}
	s.end()
	return nil
}

// deletePackage is POST package/delete.
func deletePackage(w http.ResponseWriter, r *request) error {
	var in v1.PackageRef
	if err := r.decode(&in); err != nil {
		return err
	}
	if err := r.se.DeletePackage(r.Context(), in.PackageID); err != nil {
		return err
	}
	return r.reply(w, nil)
}
