package store_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// slotsModel is what slots mean, for one caller at a time: whoever has an entry that counts keeps it, anybody else gets one
// where fewer than most others count.
type slotsModel map[string]time.Time

func (m slotsModel) take(holder string, most int, now, until time.Time) bool {
	others := 0
	for name, u := range m {
		if !u.Add(time.Second).After(now) {
			delete(m, name)
		} else if name != holder {
			others++
		}
	}
	mine, counts := m[holder]
	if !counts && others >= most {
		return false
	}
	if until.After(mine) {
		m[holder] = until
	}
	return true
}

// slotsAsModel makes random calls, of few holders so that they meet, with a most that changes and a clock that moves.
func slotsAsModel(t *testing.T, b bench) {
	for seed := range uint64(6) {
		dice, clock, model := rand.New(rand.NewPCG(11, seed)), newHand(), slotsModel{}
		s := taker{t, b.open(t, clock.skewed(0)), fmt.Sprint("up-", seed)}
		given, refused := 0, 0
		for n := range 120 {
			holder, most := fmt.Sprint("h", dice.IntN(9)), 1+dice.IntN(5)
			switch dice.IntN(6) {
			case 0:
				clock.move(time.Duration(dice.IntN(4000)) * time.Millisecond)
			case 1:
				s.free(holder)
				delete(model, holder)
			default:
				until := clock.now().Add(time.Duration(1+dice.IntN(8000)) * time.Millisecond)
				want := model.take(holder, most, clock.now(), until)
				if got := s.take(holder, most, until); got != want {
					t.Fatalf("seed %d, step %d: %s holds one of %d slots: %v, the model says %v: %v", seed, n, holder, most, got, want, model)
				}
				if want {
					given++
				} else {
					refused++
				}
			}
		}
		if given < 20 || refused < 10 {
			t.Errorf("seed %d: %d given, %d refused: that proves little", seed, given, refused)
		}
	}
}
