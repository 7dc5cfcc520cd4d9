package content

// DefaultBudget is the size of a Budget in bytes when nothing else is configured.
const DefaultBudget = 256 << 20

// Budget is the memory that all transfers share (S18). It is made by NewBudget; all methods may be called
// concurrently.
type Budget struct{}

// BudgetStats describe a budget at one moment, in bytes.
type BudgetStats struct {
	Total   int64 // what it may hand out
	Used    int64 // what is handed out; above Total for a moment when degraded reads need more
	Waiting int   // transfers that wait for admission
	Refused int64 // transfers refused with ErrOverloaded since the start
}

// NewBudget makes a budget of size bytes; 0: DefaultBudget. Memory is taken from the system as it is needed
// and kept until Trim.
func NewBudget(size int64) *Budget { return &Budget{} }

// Stats describes the budget.
func (b *Budget) Stats() BudgetStats { return BudgetStats{} }

// Trim gives memory that nobody uses back to the garbage collector: for quiet times.
func (b *Budget) Trim() {}
