package nativeapi

import (
	"context"
	"encoding/hex"
	"net/http"
	"time"

	"trivium/core"
	"trivium/nativeapi/adminapi"
)

// readyTime bounds how long status waits for the store.
const readyTime = 5 * time.Second

// ping is GET ping.
func (d *door) ping(w http.ResponseWriter, r *http.Request, _ *core.Session) error {
	if _, err := query(r); err != nil {
		return err
	}
	return answer(w, adminapi.Nothing{})
}

// status is GET status.
func (d *door) status(w http.ResponseWriter, r *http.Request, _ *core.Session) error {
	if _, err := query(r); err != nil {
		return err
	}
	doc := d.cfg.Status()
	id := d.cfg.Service.Stamp().StoreID
	doc.StoreID, doc.Ready = hex.EncodeToString(id[:]), true
	ctx, cancel := context.WithTimeout(r.Context(), readyTime)
	defer cancel()
	if err := d.cfg.Service.Ready(ctx); err != nil {
		doc.Ready, doc.Reason = false, err.Error()
	}
	return answer(w, doc)
}

// collect is POST gc.
func (d *door) collect(w http.ResponseWriter, r *http.Request, _ *core.Session) error {
	var in adminapi.Collect
	if err := read(w, r, &in); err != nil {
		return err
	}
	done, err := d.cfg.Collect(r.Context(), in.Now)
	if err != nil {
		return err
	}
	return answer(w, done)
}

// doctor is POST doctor.
func (d *door) doctor(w http.ResponseWriter, r *http.Request, _ *core.Session) error {
	var in adminapi.Examine
	if err := read(w, r, &in); err != nil {
		return err
	}
	found, err := d.cfg.Doctor(r.Context(), in.Deep)
	if err != nil {
		return err
	}
	return answer(w, found)
}

// scrub is POST scrub.
func (d *door) scrub(w http.ResponseWriter, r *http.Request, _ *core.Session) error {
	var in adminapi.Scrub
	if err := read(w, r, &in); err != nil {
		return err
	}
	found, err := d.cfg.Scrub(r.Context(), in.Deep)
	if err != nil {
		return err
	}
	return answer(w, found)
}

// repair is POST repair.
func (d *door) repair(w http.ResponseWriter, r *http.Request, _ *core.Session) error {
	if err := read(w, r, &adminapi.Repair{}); err != nil {
		return err
	}
	done, err := d.cfg.Repair(r.Context())
	if err != nil {
		return err
	}
	return answer(w, done)
}

// progress is GET progress.
func (d *door) progress(w http.ResponseWriter, r *http.Request, _ *core.Session) error {
	if _, err := query(r); err != nil {
		return err
	}
	return answer(w, d.cfg.Progress())
}
