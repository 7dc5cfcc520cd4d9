package core

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"time"
)

// loginMemory is how long a verified password is remembered.
const loginMemory = 5 * time.Minute

// Principal is who a caller is. Login, KeyCredentials, Anonymous and System make it; Door and RequestID are
// filled in by the door.
type Principal struct {
	UserID    int64
	Name      string
	Admin     bool
	KeyID     string // the access key that was used, or ""
	Door      string
	RequestID string
	Anonymous bool
}

// Anonymous returns the principal of a request without credentials: it may do what is public.
func Anonymous() Principal { return Principal{Name: "anonymous", Anonymous: true} }

// System returns an administrator that is no user, for the CLI and upkeep. It owns nothing.
func System(name string) Principal { return Principal{Name: name, Admin: true} }

// Credentials are an access key's principal and secret. They never show their secret in formatted output.
type Credentials struct {
	Principal Principal
	Secret    string
	loaded    bool // for this caller, and not remembered
}

// String hides the secret.
func (c Credentials) String() string { return "credentials of " + c.Principal.Name }

// Format hides the secret from every verb.
func (c Credentials) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, c.String()) }

// LogValue hides the secret.
func (c Credentials) LogValue() slog.Value { return slog.StringValue(c.String()) }

// logins verifies names and passwords.
type logins struct {
	passwords passwords
	failed    failedLogins
	flights   flights                        // verifications that run or wait
	verified  limited[string, verifiedLogin] // by name
	macKey    [32]byte                       // of this process: a dump of the map is no list of passwords
}

// verifiedLogin remembers that a password was right for a stored hash; a changed password or a disabled user is
// another row, so that it never passes.
type verifiedLogin struct {
	mac    [sha256.Size]byte
	stored string
	at     int64 // when it was verified, in ns since 1970
}

// init makes l ready, with that work for each hash of a password.
func (l *logins) init(cost argonCost) {
	_, _ = rand.Read(l.macKey[:]) // never fails
	l.passwords.init(cost)
	l.failed.init()
}

// mac returns what is remembered of a password.
func (l *logins) mac(name, password string) [sha256.Size]byte {
	h := hmac.New(sha256.New, l.macKey[:])
	msg := make([]byte, 0, 128)
	msg = binary.BigEndian.AppendUint32(msg, uint32(len(name)))
	msg = append(append(msg, name...), password...)
	h.Write(msg)
	return [sha256.Size]byte(h.Sum(nil))
}

// KeyCredentials returns what is needed to verify a signature made with an access key. For a key that is unknown
// or disabled, or whose user is, the error is Unauthorized and the Credentials hold a secret that nobody knows,
// the same each time: the door verifies against it all the same and answers as for a wrong signature. Other
// errors mean that nothing is known.
func (s *Service) KeyCredentials(ctx context.Context, accessKey string) (Credentials, error) {
	gen := s.cache.current()
	if c, ok := gen.keys.get(accessKey); ok {
		return *c, nil
	}
	if c, ok := gen.unknown.get(accessKey); ok {
		return *c, unauthorized()
	}
	c, known, err := s.loadKey(ctx, accessKey)
	if err != nil {
		return Credentials{}, fmt.Errorf("access key: %w", err)
	}
	if known {
		gen.keys.put(accessKey, c)
		out := *c
		out.loaded = true
		return out, nil
	}
	// Long names are not worth the memory: no key has one.
	if len(accessKey) <= maxKeyID {
		gen.unknown.put(accessKey, c)
	}
	return *c, unauthorized()
}

// RefuseKey makes the refusal of a signature cost what it costs for an unknown key: the first one with a key looks
// into the store, later ones do not. c is what KeyCredentials returned for the request, without an error. So the time
// does not tell whether a key exists, though those in use are remembered.
func (s *Service) RefuseKey(ctx context.Context, accessKey string, c Credentials) {
	gen := s.cache.current()
	if _, paid := gen.refused.get(accessKey); paid {
		return
	}
	if !c.loaded {
		if _, _, err := s.loadKey(ctx, accessKey); err != nil { // for the work alone: the answer is known
			return
		}
	}
	gen.refused.put(accessKey, struct{}{})
}

// loadKey reads and unseals one key. An unknown one gets a dummy secret.
func (s *Service) loadKey(ctx context.Context, accessKey string) (*Credentials, bool, error) {
	var key AccessKey
	var user User
	var found bool
	err := s.view(ctx, func(ctx context.Context, tx MetaTx) error {
		var err error
		if key, found, err = tx.Key(ctx, accessKey); err != nil {
			return err
		}
		// Also for an unknown key: both cost the same.
		var ok bool
		user, ok, err = tx.User(ctx, key.UserID)
		found = found && ok && !key.Disabled && !user.Disabled
		return err
	})
	if err != nil {
		return nil, false, err
	}
	dummy := s.keys.Sign(LabelSecrets, []byte("unknown access key "+accessKey))
	if !found {
		_, _ = s.keys.Unseal(noSecret, s.dummySecret)
		return &Credentials{Secret: base64.RawStdEncoding.EncodeToString(dummy)[:40]}, false, nil
	}
	secret, err := s.keys.Unseal(keySecret(accessKey), key.Secret)
	if err != nil {
		return nil, false, err
	}
	p := principalOf(user)
	p.KeyID = accessKey
	return &Credentials{Principal: p, Secret: string(secret)}, true, nil
}

// noSecret names the owner of a sealed secret that is unsealed where there is none.
const noSecret = "no key"

// keySecret names the owner of a sealed secret.
func keySecret(id string) string { return "key " + id }

// principalOf makes the principal of a user.
func principalOf(u User) Principal { return Principal{UserID: u.ID, Name: u.Name, Admin: u.Admin} }

// unauthorized is the one answer to all that is wrong with credentials.
func unauthorized() error {
	return &Error{Code: Unauthorized, Msg: "the credentials are not valid"}
}

// Login verifies a user's password, or an access key's secret given as the password of its id. A password that
// was verified is remembered for 5 min (as an HMAC) unless the user changes; others take an argon2id
// computation, of which two run at once, by turns of the networks that they come from; who was right once since the
// process started goes ahead. A name that fails too often waits, which holds up neither passwords that are remembered
// nor keys. Errors: Unauthorized for all that is wrong, after the same work; Overloaded when the name failed 10 times
// (one is forgotten every 6 s), too many logins wait or this one did for 10 s; Canceled.
func (s *Service) Login(ctx context.Context, name, password string) (Principal, error) {
	return s.login(ctx, name, password, "")
}

// login is Login from a network; "" stands for one that is not counted by itself.
func (s *Service) login(ctx context.Context, name, password, network string) (Principal, error) {
	u, known, err := s.userByName(ctx, name)
	if err != nil {
		return Principal{}, err
	}
	sum := s.logins.mac(name, password)
	if known && s.remembered(name, sum, u.Password) {
		return principalOf(u), nil
	}
	c, err := s.KeyCredentials(ctx, name)
	if err != nil && CodeOf(err) != Unauthorized {
		return Principal{}, err
	}
	if same := s.sameSecret(c.Secret, password); same && err == nil {
		return c.Principal, nil
	}
	// A client begins with many requests at once: they share one verification and count as one failure. Those who found
	// another row do not: it is another question.
	key := string(sum[:]) + network + " " + u.Password
	err = s.logins.flights.do(ctx, key, func(ctx context.Context) error {
		return s.verifyLogin(ctx, u, password, attempt{name, network}, sum)
	})
	if err != nil {
		return Principal{}, err
	}
	return s.stillThere(ctx, u)
}

// stillThere returns the principal of a user whose password was right, unless he was disabled or removed or has another
// password by now: that may have taken a while, and whoever locked him out was answered.
func (s *Service) stillThere(ctx context.Context, u User) (Principal, error) {
	now, known, err := s.userByName(ctx, u.Name)
	if err != nil {
		return Principal{}, err
	}
	if !known || now.ID != u.ID || now.Password != u.Password {
		return Principal{}, unauthorized()
	}
	return principalOf(now), nil
}

// verifyLogin verifies a password by its hash and remembers it by sum. u is the zero User when none has the name.
func (s *Service) verifyLogin(ctx context.Context, u User, password string, a attempt, sum [sha256.Size]byte) error {
	if err := s.logins.failed.admit(a, s.now()); err != nil {
		return err
	}
	_, before := s.rightOnce(a.name, sum, u.Password)
	ok, err := s.logins.passwords.verify(ctx, line{ahead: before, network: a.network}, u.Password, password)
	if err != nil || ok {
		s.logins.failed.forgive(a, s.now())
	}
	if err != nil {
		return fmt.Errorf("verify password: %w", err)
	}
	if !ok {
		return unauthorized()
	}
	s.logins.verified.put(a.name, verifiedLogin{mac: sum, stored: u.Password, at: s.now()})
	return nil
}

// sameSecret compares in a time that tells nothing of either, lengths included.
func (s *Service) sameSecret(a, b string) bool {
	x, y := s.logins.mac("", a), s.logins.mac("", b)
	return hmac.Equal(x[:], y[:])
}

// rightOnce tells whether and when, in ns since 1970, this password was right for the hash that is stored now.
func (s *Service) rightOnce(name string, sum [sha256.Size]byte, stored string) (at int64, ok bool) {
	v, ok := s.logins.verified.get(name)
	return v.at, ok && hmac.Equal(v.mac[:], sum[:]) && v.stored == stored
}

// remembered tells whether this password was right lately for the hash that is stored now.
func (s *Service) remembered(name string, sum [sha256.Size]byte, stored string) bool {
	at, ok := s.rightOnce(name, sum, stored)
	return ok && !elapsed(at, s.now(), loginMemory)
}

// userByName returns an enabled user; the zero User if there is none.
func (s *Service) userByName(ctx context.Context, name string) (User, bool, error) {
	gen := s.cache.current()
	if _, none := gen.nobody.get(name); none {
		return User{}, false, nil
	}
	u, known := gen.users.get(name)
	if !known {
		err := s.view(ctx, func(ctx context.Context, tx MetaTx) error {
			var err error
			u, known, err = tx.UserByName(ctx, name)
			return err
		})
		if err != nil {
			return User{}, false, fmt.Errorf("user: %w", err)
		}
		switch {
		case known:
			gen.users.put(name, u)
		case len(name) <= maxUserName: // no user has a longer one
			gen.nobody.put(name, struct{}{})
		}
	}
	if !known || u.Disabled {
		return User{}, false, nil
	}
	return u, true, nil
}

// secretText draws n characters of A-Z and 2-7: 5 random bits each.
func secretText(n int) string {
	var text string
	for len(text) < n {
		text += rand.Text()
	}
	return text[:n]
}
