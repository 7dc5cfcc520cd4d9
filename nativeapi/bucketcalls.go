package nativeapi

import (
	"net/http"
	"slices"

	"trivium/core"
	"trivium/core/content"
	v1 "trivium/nativeapi/v1"
)

// createBucket is POST bucket/create.
func createBucket(w http.ResponseWriter, r *request) error {
	var in v1.NewBucket
	if err := r.decode(&in); err != nil {
		return err
	}
	b, err := r.se.CreateBucket(r.Context(), in.Name, core.CreateBucketOptions{})
	if err != nil {
		return named("name", err)
	}
	return r.reply(w, v1.OneBucket{Bucket: bucketRecord(&b)})
}

// named adds to a refusal of a name which field it is about.
func named(field string, err error) error {
	if core.CodeOf(err) == core.BadName && err != nil {
		_, message := worded(err)
		return badArgument(field + ": " + message)
	}
	return err
}

// getBucket is GET bucket/getByName.
func getBucket(w http.ResponseWriter, r *request) error {
	name, err := r.needText("name")
	if err != nil {
		return err
	}
	b, err := r.se.Bucket(r.Context(), name)
	if err != nil {
		return err
	}
	return r.reply(w, v1.OneBucket{Bucket: bucketRecord(&b)})
}

// listBuckets is GET bucket/listAll: all of them, streamed.
func listBuckets(w http.ResponseWriter, r *request) error {
	page, err := r.se.BucketsByID(r.Context(), 0, v1.MaxPage)
	if err != nil {
		return err
	}
	s := r.stream(w, "buckets")
	for {
		for i := range page.Buckets {
			s.item(bucketRecord(&page.Buckets[i]))
		}
		if page.Next == 0 {
			break
		}
		page, err = r.se.BucketsByID(r.Context(), page.Next, v1.MaxPage)
		s.check(err)
	}
	s.end()
	return nil
}

// deleteBucket is POST bucket/delete.
func deleteBucket(w http.ResponseWriter, r *request) error {
	var in v1.BucketRef
	if err := r.decode(&in); err != nil {
		return err
	}
	if err := r.se.DeleteBucketByID(r.Context(), in.BucketID); err != nil {
		return err
	}
	return r.reply(w, nil)
}

// getPolicy is GET bucket/getPolicy.
func getPolicy(w http.ResponseWriter, r *request) error {
	id, err := r.number("bucketID")
	if err != nil {
		return err
	}
	return r.policy(w, id)
}

// policy answers with the policy of a bucket.
func (r *request) policy(w http.ResponseWriter, id int64) error {
	b, grants, err := r.se.BucketWithGrants(r.Context(), id)
	if err != nil {
		return err
	}
	doc := v1.Policy{
		Redundancy: redundancyDoc(&b.Policy.Redundancy), Spaces: make([]int64, len(b.Policy.Spaces)),
		Versioning: versioningWords()[b.Versioning], PublicRead: b.Policy.PublicRead, Grants: make([]v1.Grant, len(grants)),
	}
	for i, id := range b.Policy.Spaces {
		doc.Spaces[i] = int64(id)
	}
	for i, g := range grants {
		doc.Grants[i] = v1.Grant{UserID: g.UserID, Access: accessWords()[g.Access]}
	}
	return r.reply(w, v1.OnePolicy{Policy: doc})
}

// versioningWords are the states by their numbers, accessWords the rights.
func versioningWords() []string { return []string{"Off", "Enabled", "Suspended"} }
func accessWords() []string     { return []string{"", "read", "write", "owner"} }

// setPolicy is POST bucket/setPolicy.
func setPolicy(w http.ResponseWriter, r *request) error {
	var in v1.NewPolicy
	if err := r.decode(&in); err != nil {
		return err
	}
	rules, err := rulesOf(&in.Policy)
	if err != nil {
		return err
	}
	if err := r.se.SetRulesByID(r.Context(), in.BucketID, rules); err != nil {
		return err
	}
	return r.policy(w, in.BucketID)
}

// rulesOf is what a policy changes of a bucket.
func rulesOf(in *v1.PolicyChange) (core.BucketRules, error) {
	var rules core.BucketRules
	var p core.BucketPolicy // the fields that change
	if in.Redundancy != nil {
		var err error
		if p.Redundancy, err = redundancyOf(in.Redundancy); err != nil {
			return rules, err
		}
	}
	if in.Spaces != nil {
		p.Spaces = nil
		for _, id := range *in.Spaces {
			p.Spaces = append(p.Spaces, content.SpaceID(id))
		}
	}
	if in.Redundancy != nil {
		rules.Redundancy = &p.Redundancy
	}
	if in.Spaces != nil {
		rules.Spaces = &p.Spaces
	}
	rules.PublicRead = in.PublicRead
	if in.Versioning != nil {
		i := slices.Index(versioningWords(), *in.Versioning)
		if i < 0 {
			return rules, badArgument("policy.versioning: it must be Off, Enabled or Suspended")
		}
		v := core.Versioning(i)
		rules.Versioning = &v
	}
	if in.Grants != nil {
		grants := make([]core.Grant, len(*in.Grants))
		for i, g := range *in.Grants {
			access := slices.Index(accessWords(), g.Access)
			if access < int(core.AccessRead) || access > int(core.AccessWrite) {
				return rules, badArgument("policy.grants: access must be read or write")
			}
			grants[i] = core.Grant{UserID: g.UserID, Access: core.Access(access)}
		}
		rules.Grants = &grants
	}
	return rules, nil
}
