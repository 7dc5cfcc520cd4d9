package core

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

// testMaster is a master key whose derived keys are pinned below.
const testMaster = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

func mustParseKeys(t *testing.T, text string) *MasterKeys {
	t.Helper()
	m, err := ParseMasterKeys([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// The derivation is part of the format: content that was sealed must open for ever.
func TestDerivationIsPinned(t *testing.T) {
	m := mustParseKeys(t, testMaster)
	key, err := m.Content(m.Current())
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprintf("%08x %x %x", m.Current(), key, m.Sign(LabelTokens, []byte("x")))
	// Computed apart from this program, by RFC 5869 with HMAC-SHA256 and no salt.
	const want = "415a20c6 " +
		"c52019ab5c7b713d94eb20a0254a05b8a6f4f4bedac5f52b0373a7bc5866346a " +
		"e9ead5ba3c98e824e2cd35c2374b1ce25a27b0692aad3e3ef32c6790e9464d9b"
	if got != want {
		t.Errorf("id, content key, token signature =\n%s, want\n%s", got, want)
	}
}

func TestLabelsDiffer(t *testing.T) {
	m := mustParseKeys(t, testMaster)
	seen := make(map[string]KeyLabel)
	for _, label := range []KeyLabel{LabelSecrets, LabelContent, LabelURLs, LabelTokens, "other"} {
		sum := string(m.Sign(label, []byte("x")))
		if other, ok := seen[sum]; ok {
			t.Errorf("labels %s and %s have one key", label, other)
		}
		seen[sum] = label
		if !m.Verify(label, []byte("x"), []byte(sum)) {
			t.Errorf("Verify(%s) = false for its own signature", label)
		}
		if m.Verify(label, []byte("y"), []byte(sum)) {
			t.Errorf("Verify(%s) = true for another message", label)
		}
	}
}

func TestParseMasterKeys(t *testing.T) {
	other := strings.Repeat("ab", 32)
	for _, tc := range []struct {
		name, text string
		keys       int
	}{
		{"one", testMaster, 1},
		{"newline and blanks", "  " + testMaster + "  \r\n\n", 1},
		{"comment and older key", "# keys\n" + testMaster + "\n" + other + "\n", 2},
		{"empty", "", 0},
		{"comments alone", "# nothing\n", 0},
		{"short", testMaster[:62], 0},
		{"long", testMaster + "00", 0},
		{"no hex", "zz" + testMaster[2:], 0},
		{"twice", testMaster + "\n" + testMaster, 0},
		{"second bad", testMaster + "\nxx", 0},
	} {
		m, err := ParseMasterKeys([]byte(tc.text))
		if tc.keys == 0 {
			if !errors.Is(err, ErrMasterKey) {
				t.Errorf("%s: ParseMasterKeys = %v, want ErrMasterKey", tc.name, err)
			} else if strings.Contains(err.Error(), testMaster[:8]) {
				t.Errorf("%s: the error shows the key: %v", tc.name, err)
			}
			continue
		}
		if err != nil || len(m.IDs()) != tc.keys {
			t.Errorf("%s: ParseMasterKeys = %v, %v, want %d keys", tc.name, m, err, tc.keys)
			continue
		}
		back := mustParseKeys(t, string(m.Marshal()))
		if !bytes.Equal(back.Marshal(), m.Marshal()) {
			t.Errorf("%s: Marshal is not the reverse of ParseMasterKeys", tc.name)
		}
	}
}

func TestRotation(t *testing.T) {
	old := GenerateMasterKeys()
	sealed := old.Seal("key a", []byte("secret"))
	signed := old.Sign(LabelURLs, []byte("url"))
	rotated := old.Rotate()
	if rotated.Current() == old.Current() || len(rotated.IDs()) != 2 || rotated.IDs()[1] != old.Current() {
		t.Fatalf("Rotate: ids %v, old %d", rotated.IDs(), old.Current())
	}
	if got, err := rotated.Unseal("key a", sealed); err != nil || string(got) != "secret" {
		t.Errorf("Unseal of what the old key sealed = %q, %v", got, err)
	}
	if !rotated.Verify(LabelURLs, []byte("url"), signed) {
		t.Error("a signature of the old key does not verify")
	}
	if _, err := old.Unseal("key a", rotated.Seal("key a", []byte("new"))); err == nil {
		t.Error("the old key opened what the new one sealed")
	}
	if _, err := old.Content(rotated.Current()); !errors.Is(err, ErrMasterKey) {
		t.Errorf("Content(unknown) = %v, want ErrMasterKey", err)
	}
}

func TestSealBindsToOwner(t *testing.T) {
	m := GenerateMasterKeys()
	sealed := m.Seal("key a", []byte("secret"))
	if bytes.Contains(sealed, []byte("secret")) {
		t.Fatal("the sealed value shows the secret")
	}
	if bytes.Equal(sealed, m.Seal("key a", []byte("secret"))) {
		t.Error("two seals are equal: the nonce is not random")
	}
	if _, err := m.Unseal("key b", sealed); err == nil {
		t.Error("Unseal opened for another owner")
	}
	for i := range sealed {
		bad := bytes.Clone(sealed)
		bad[i] ^= 1
		if _, err := m.Unseal("key a", bad); err == nil {
			t.Errorf("Unseal opened with byte %d changed", i)
		}
		if _, err := m.Unseal("key a", sealed[:i]); err == nil {
			t.Errorf("Unseal opened %d bytes", i)
		}
	}
}

func TestRecoveryKey(t *testing.T) {
	m := GenerateMasterKeys().Rotate()
	r := NewRecoveryKey()
	wrapped := r.Wrap(m)
	for _, text := range []string{
		r.Reveal(), strings.ToLower(r.Reveal()), strings.ReplaceAll(r.Reveal(), "-", ""),
		strings.ReplaceAll(r.Reveal(), "-", " "), strings.ReplaceAll(r.Reveal(), "0", "O"),
		strings.ReplaceAll(r.Reveal(), "1", "l"),
	} {
		p, err := ParseRecoveryKey(text)
		if err != nil {
			t.Errorf("ParseRecoveryKey(another spelling) = %v", err)
			continue
		}
		got, err := p.Unwrap(wrapped)
		if err != nil || !bytes.Equal(got.Marshal(), m.Marshal()) {
			t.Errorf("Unwrap = %v, %v, want the keys", got, err)
		}
	}
	if _, err := NewRecoveryKey().Unwrap(wrapped); !errors.Is(err, ErrMasterKey) {
		t.Errorf("Unwrap with another recovery key = %v, want ErrMasterKey", err)
	}
	if _, err := r.Unwrap(wrapped[:len(wrapped)-1]); !errors.Is(err, ErrMasterKey) {
		t.Errorf("Unwrap of a torso = %v, want ErrMasterKey", err)
	}
}

func TestRecoveryKeyTypo(t *testing.T) {
	text := NewRecoveryKey().Reveal()
	if len(text) != 44 {
		t.Fatalf("Reveal has %d characters, want 9 groups of 4", len(text))
	}
	for i := range text {
		if text[i] == '-' {
			continue
		}
		typo := []byte(text)
		typo[i] = recoveryAlphabet[(strings.IndexByte(recoveryAlphabet, text[i])+1)%32]
		if _, err := ParseRecoveryKey(string(typo)); !errors.Is(err, ErrMasterKey) {
			t.Errorf("a typing error at %d is not found: %v", i, err)
		}
	}
	for _, bad := range []string{"", "ABCD", text + "0", text[:43] + "!", "U" + text[1:]} {
		if _, err := ParseRecoveryKey(bad); !errors.Is(err, ErrMasterKey) {
			t.Errorf("ParseRecoveryKey(%d characters) = %v, want ErrMasterKey", len(bad), err)
		}
	}
}

// Secrets must not get out through formatting, whatever verb or logger is used.
func TestSecretsDoNotShow(t *testing.T) {
	keys := mustParseKeys(t, testMaster)
	raw, _ := hex.DecodeString(testMaster)
	recovery := NewRecoveryKey()
	creds := Credentials{Principal: Principal{Name: "alice"}, Secret: "hunter22"}
	result := BootstrapResult{User: "root", Password: "hunter22", SecretKey: "hunter22", RecoveryKey: "hunter22"}
	var log bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&log, nil))
	for _, v := range []any{keys, recovery, &recovery, creds, &creds, result, &result} {
		logger.Info("x", "value", v)
		text := fmt.Sprintf("%v %+v %#v %s %d %x %q", v, v, v, v, v, v, v) + log.String()
		for _, secret := range []string{"hunter22", testMaster[:16], decimal(raw[:4]), fmt.Sprintf("%x", "hunter22"), decimal(recovery.secret[:4])} {
			if strings.Contains(text, secret) {
				t.Errorf("%T shows a secret: %s", v, text)
			}
		}
	}
}

// decimal renders bytes as %d does.
func decimal(b []byte) string { return strings.Trim(fmt.Sprintf("%d", b), "[]") }
