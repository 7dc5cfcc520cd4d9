package core

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"slices"
	"time"
	"unicode/utf8"
)

// A token names a user, for a time: version, expiry (ns), user's id, a digest of what lets him in (the hash of his
// password, or the sealed secret of the access key that he came with), lengths and texts of his name and the key, and
// an HMAC of all that and of what the token is for. Who has one is that user until then.
const (
	tokenVersion  = 1
	tokenTag      = 16                   // bytes of the digest
	tokenHead     = 1 + 8 + 8 + tokenTag // before the texts
	maxTokenText  = maxUserName + maxKeyID
	maxTokenBytes = tokenHead + 2 + maxTokenText + sha256.Size
)

// MaxToken is the longest token in characters: what is longer is none.
const MaxToken = (maxTokenBytes*8 + 5) / 6

// TokenUse says what a token is good for.
type TokenUse struct {
	// URL, when not empty, is the one request that the token allows, in a form that the door chooses; else it is good for
	// all that its user may do.
	URL string
}

// label and text keep tokens of different uses apart.
func (u TokenUse) label() KeyLabel {
	if u.URL != "" {
		return LabelURLs
	}
	return LabelTokens
}

// Token returns a token of the caller's for that use, and the time, in ns since 1970, when it ends. It ends early when
// the user is disabled or his password changes, or, if the caller came with an access key, when that is disabled or
// removed. Errors: BadArgument for a caller who is no user.
func (se *Session) Token(ctx context.Context, use TokenUse, lifetime time.Duration) (token string, expiry int64, err error) {
	if se.p.Anonymous || se.p.UserID == 0 {
		return "", 0, Errorf(BadArgument, "", "a token is a user's, and the caller is none")
	}
	tag, err := se.s.tokenTag(ctx, se.p)
	if err != nil {
		return "", 0, fail("make token", se.p.Name, err)
	}
	expiry = se.s.now() + int64(lifetime)
	b := make([]byte, 0, maxTokenBytes)
	b = append(b, tokenVersion)
	b = binary.BigEndian.AppendUint64(b, uint64(expiry))
	b = binary.BigEndian.AppendUint64(b, uint64(se.p.UserID))
	b = append(b, tag[:]...)
	for _, text := range []string{se.p.Name, se.p.KeyID} {
		b = append(append(b, byte(len(text))), text...)
	}
	b = append(b, se.s.keys.Sign(use.label(), append(slices.Clip(b), use.URL...))...)
	return base64.RawURLEncoding.EncodeToString(b), expiry, nil
}

// TokenPrincipal returns whose a token is. Unauthorized for all that is wrong with it: forged, for another use, over,
// ended early.
func (s *Service) TokenPrincipal(ctx context.Context, token string, use TokenUse) (Principal, error) {
	if len(token) > MaxToken {
		return Principal{}, unauthorized()
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(b) < tokenHead+2+sha256.Size {
		return Principal{}, unauthorized()
	}
	body, sum := b[:len(b)-sha256.Size], b[len(b)-sha256.Size:]
	if !s.keys.Verify(use.label(), append(slices.Clip(body), use.URL...), sum) || body[0] != tokenVersion {
		return Principal{}, unauthorized()
	}
	p := Principal{UserID: int64(binary.BigEndian.Uint64(body[9:]))}
	rest, ok := body[tokenHead:], true
	if p.Name, rest, ok = tokenText(rest, ok); ok {
		p.KeyID, rest, ok = tokenText(rest, ok)
	}
	if !ok || len(rest) > 0 || int64(binary.BigEndian.Uint64(body[1:])) <= s.now() {
		return Principal{}, unauthorized()
	}
	tag, err := s.tokenTag(ctx, p)
	if err != nil {
		return Principal{}, err
	}
	if tag != [tokenTag]byte(body[17:tokenHead]) {
		return Principal{}, unauthorized()
	}
	u, known, err := s.userByName(ctx, p.Name)
	if err != nil || !known {
		return Principal{}, fail("token", "", orUnauthorized(err))
	}
	p.Admin = u.Admin
	return p, nil
}

// tokenText takes a text off the front of b.
func tokenText(b []byte, ok bool) (text string, rest []byte, found bool) {
	if !ok || len(b) == 0 || len(b)-1 < int(b[0]) {
		return "", nil, false
	}
	n := int(b[0])
	text = string(b[1 : 1+n])
	return text, b[1+n:], utf8.ValidString(text)
}

// orUnauthorized is err, or that the credentials are not valid.
func orUnauthorized(err error) error {
	if err == nil {
		return unauthorized()
	}
	return err
}

// tokenTag digests what lets p in now. Unauthorized when nothing does: the user or the key is disabled or gone.
func (s *Service) tokenTag(ctx context.Context, p Principal) (tag [tokenTag]byte, err error) {
	u, known, err := s.userByName(ctx, p.Name)
	if err != nil || !known || u.ID != p.UserID {
		return tag, orUnauthorized(err)
	}
	secret := []byte(u.Password)
	if p.KeyID != "" {
		err := s.view(ctx, func(ctx context.Context, tx MetaTx) error {
			k, found, err := tx.Key(ctx, p.KeyID)
			if err == nil && (!found || k.Disabled || k.UserID != u.ID) {
				err = unauthorized()
			}
			secret = k.Secret
			return err
		})
		if err != nil {
			return tag, err
		}
	}
	sum := sha256.Sum256(append([]byte("trivium token "), secret...))
	return [tokenTag]byte(sum[:tokenTag]), nil
}

// For returns the session of a user for whom the caller acts: of himself (0 too) or, as an administrator, of anybody
// who is not disabled. Unauthorized otherwise.
func (se *Session) For(ctx context.Context, userID int64) (*Session, error) {
	if userID == 0 || userID == se.p.UserID && !se.p.Anonymous {
		return se, nil
	}
	denied := Errorf(Unauthorized, "", "userID: %d is not the caller, and only administrators act for others", userID)
	if se.requireAdmin() != nil {
		return nil, denied
	}
	var u User
	err := se.s.view(ctx, func(ctx context.Context, tx MetaTx) error {
		var err error
		u, err = userIn(ctx, tx, userID)
		return err
	})
	if err != nil {
		return nil, fail("user", "", err)
	}
	if u.Disabled {
		return nil, Errorf(Conflict, "", "userID: user %d is disabled", userID)
	}
	p := principalOf(u)
	p.Door, p.RequestID = se.p.Door, se.p.RequestID
	return se.s.Session(p), nil
}
