package drivers

import "context"

// learner is the key of what Learning puts into a context.
type learner struct{}

// Learning returns a context for Kind.Open of a space whose settings are kept: learned hears of the value of a field
// that was empty, and that is required from then on, such as the key by which a server is known again. It keeps the
// value durably, or its error makes Open fail. The field is no Secret.
func Learning(ctx context.Context, learned func(field, value string) error) context.Context {
	return context.WithValue(ctx, learner{}, learned)
}

// Learned tells whoever keeps the settings of the space that is being opened the value of a field; ctx is Open's.
// Without Learning, as for a space that is only tried, nobody hears of it.
func Learned(ctx context.Context, field, value string) error {
	if learned, ok := ctx.Value(learner{}).(func(field, value string) error); ok {
		return learned(field, value)
	}
	return nil
}
