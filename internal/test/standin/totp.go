package standin

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/binary"
	"fmt"
	"time"
)

const totpStep = 30 * time.Second

// totp is the code of RFC 6238 (SHA-1, six digits) for a secret.
func totp(key []byte, counter int64) string {
	var message [8]byte
	binary.BigEndian.PutUint64(message[:], uint64(counter))
	mac := hmac.New(sha1.New, key)
	mac.Write(message[:])
	sum := mac.Sum(nil)
	offset := sum[len(sum)-1] & 0xf
	return fmt.Sprintf("%06d", (binary.BigEndian.Uint32(sum[offset:])&0x7fffffff)%1_000_000)
}

// mfaDevice remembers the last step it accepted: AWS takes no code twice, nor an older one than the last.
type mfaDevice struct {
	serial string
	key    []byte
	last   int64
}

// code is one that the device would accept now: of this step, or of the next if this one has been used.
func (d *mfaDevice) code(now time.Time) string {
	step := now.Unix() / int64(totpStep.Seconds())
	if d.last >= step {
		step = d.last + 1
	}
	return totp(d.key, step)
}

// accept takes a code of the step before, this one or the next, once.
func (d *mfaDevice) accept(code string, now time.Time) bool {
	step := now.Unix() / int64(totpStep.Seconds())
	for _, s := range []int64{step - 1, step, step + 1} {
		if s > d.last && hmac.Equal([]byte(totp(d.key, s)), []byte(code)) {
			d.last = s
			return true
		}
	}
	return false
}
