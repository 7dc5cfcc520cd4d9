package core

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
)

const (
	argonSalt = 16
	argonSum  = 32
)

// argonCost is the work of one argon2id hash (RFC 9106 §3.1).
type argonCost struct {
	memory uint32 // KiB
	passes uint32
	lanes  uint8
}

// defaultCost is the least that OWASP's password storage cheat sheet advises: 19 MiB, 2 passes, 1 lane.
func defaultCost() argonCost { return argonCost{memory: 19 << 10, passes: 2, lanes: 1} }

// leastCost is the least work that argon2id can do.
func leastCost() argonCost { return argonCost{memory: 8, passes: 1, lanes: 1} }

// errPHC is wrapped by errors about stored hashes.
var errPHC = errors.New("not an argon2id hash")

// passwords hashes and verifies, a few at once.
type passwords struct {
	cost  argonCost
	turns turns
	dummy string // the hash of nobody's password, so that unknown names cost the same
}

// init makes p ready.
func (p *passwords) init(cost argonCost) {
	p.cost = cost
	p.turns.init()
	// An all-zero sum is as good as any: nothing hashes to it.
	p.dummy = formatPHC(cost, make([]byte, argonSalt), make([]byte, argonSum))
}

// hash returns the PHC form of password with a fresh salt. It is for callers who are known, and goes ahead.
func (p *passwords) hash(ctx context.Context, password string) (string, error) {
	if err := p.turns.enter(ctx, line{ahead: true}); err != nil {
		return "", err
	}
	defer p.turns.leave()
	salt := make([]byte, argonSalt)
	_, _ = rand.Read(salt) // never fails
	sum := argon2.IDKey([]byte(password), salt, p.cost.passes, p.cost.memory, p.cost.lanes, argonSum)
	return formatPHC(p.cost, salt, sum), nil
}

// verify tells whether password is what phc was made of, once it has its turn in l. With phc "" it works as long and
// says no.
func (p *passwords) verify(ctx context.Context, l line, phc, password string) (bool, error) {
	if phc == "" {
		phc = p.dummy
	}
	cost, salt, want, err := parsePHC(phc)
	if err != nil {
		return false, err
	}
	if err := p.turns.enter(ctx, l); err != nil {
		return false, err
	}
	defer p.turns.leave()
	sum := argon2.IDKey([]byte(password), salt, cost.passes, cost.memory, cost.lanes, uint32(len(want)))
	return subtle.ConstantTimeCompare(sum, want) == 1, nil
}

// formatPHC writes the PHC string format.
func formatPHC(c argonCost, salt, sum []byte) string {
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, c.memory, c.passes, c.lanes,
		b64.EncodeToString(salt), b64.EncodeToString(sum))
}

// parsePHC reads what formatPHC wrote, within bounds that keep a damaged row from eating the memory.
func parsePHC(phc string) (c argonCost, salt, sum []byte, err error) { //nolint:revive // four parts of one string
	parts := strings.Split(phc, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return c, nil, nil, errPHC
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &c.memory, &c.passes, &c.lanes); err != nil {
		return c, nil, nil, errPHC
	}
	salt, err = base64.RawStdEncoding.DecodeString(parts[4])
	if err != nil {
		return c, nil, nil, errPHC
	}
	sum, err = base64.RawStdEncoding.DecodeString(parts[5])
	if err != nil || len(sum) < 16 || len(sum) > 64 || len(salt) < 8 ||
		c.memory < 8 || c.memory > 1<<20 || c.passes < 1 || c.passes > 100 || c.lanes < 1 {
		return c, nil, nil, errPHC
	}
	return c, salt, sum, nil
}
