package textview

import (
	"fmt"
	"io"
	"time"

	"github.com/spillway/spillway/api/restv1"
)

// Budgets writes a list of budgets.
func Budgets(w io.Writer, budgets []restv1.Budget) error {
	if len(budgets) == 0 {
		_, err := fmt.Fprintln(w, "No budgets yet. Make one: spillway budget set NAME --project PROJECT --cap AMOUNT")
		return err
	}
	t := newTable("BUDGET", "OF", "CAP", "SPENT", "RESERVED", "LEFT", "THEN", "SINCE", "NOTE")
	for _, b := range budgets {
		name, since, note := b.Name, "", ""
		if name == "" {
			name = "(none)"
		}
		if !b.Since.IsZero() {
			since = b.Since.Format(time.DateOnly)
		}
		switch {
		case b.Level == "spent" && b.Then == "stop" && b.Short > 0:
			note = fmt.Sprintf("used up: a task more would cost %.2f", b.Short)
		case b.Level == "spent":
			note = "used up"
		case b.Level == "warned":
			note = fmt.Sprintf("more than %.0f%% spent", 100*b.Warn)
		}
		t.row(b.ID, b.Of+" "+name, amount(b.Cap, b.Currency), amount(b.Spent, b.Currency), money(b.Reserved, b.Currency), amount(b.Left, b.Currency), b.Then, since, note)
	}
	return t.write(w)
}
