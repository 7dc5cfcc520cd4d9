package content

import (
	"container/list"
	"sync"
)

// Token is a point in the order of events of a Pins; a later one is greater.
type Token uint64

// Pins keeps the blobs that open readers use from being deleted. A reader begins a pin before it looks into
// the metadata, names the blobs it found, and releases the pin when it is done. The collector takes a token
// after its claim is committed and deletes a blob once Clear says so. The zero value is ready; all methods
// may be called concurrently.
type Pins struct {
	mu         sync.Mutex
	now        Token
	unresolved list.List // of *Pin, oldest first
	held       map[BlobID]int
}

// Pin protects what one reader may use, from Begin to Release.
type Pin struct {
	pins    *Pins
	began   Token
	waiting *list.Element // in unresolved; nil after Set or Release
	ids     []BlobID
}

// Begin starts a pin that holds every blob until Set names the ones it needs.
func (p *Pins) Begin() *Pin {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now++
	pin := &Pin{pins: p, began: p.now}
	pin.waiting = p.unresolved.PushBack(pin)
	return pin
}

// Now returns a token for a claim that is committed: every later Begin is after it.
func (p *Pins) Now() Token {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now++
	return p.now
}

// Clear tells whether no pin holds id and none that began before claimed is still without names.
func (p *Pins) Clear(id BlobID, claimed Token) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.held[id] > 0 {
		return false
	}
	first := p.unresolved.Front()
	if first == nil {
		return true
	}
	pin, ok := first.Value.(*Pin)
	return ok && pin.began > claimed
}

// Set names blobs that the reader needs; called again it adds to them. With no ids the pin holds nothing.
// ids is not kept by reference. After Release it does nothing.
func (pin *Pin) Set(ids []BlobID) {
	p := pin.pins
	p.mu.Lock()
	defer p.mu.Unlock()
	if pin.began == 0 {
		return
	}
	pin.resolve()
	if p.held == nil {
		p.held = make(map[BlobID]int)
	}
	for _, id := range ids {
		p.held[id]++
	}
	pin.ids = append(pin.ids, ids...)
}

// Release ends the pin. It may be called twice.
func (pin *Pin) Release() {
	p := pin.pins
	p.mu.Lock()
	defer p.mu.Unlock()
	pin.resolve()
	for _, id := range pin.ids {
		if p.held[id]--; p.held[id] == 0 {
			delete(p.held, id)
		}
	}
	pin.ids, pin.began = nil, 0
}

// resolve takes the pin out of those that hold everything. The caller has the lock.
func (pin *Pin) resolve() {
	if pin.waiting != nil {
		pin.pins.unresolved.Remove(pin.waiting)
		pin.waiting = nil
	}
}
