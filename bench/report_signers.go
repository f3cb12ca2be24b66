package main

import (
	"fmt"
	"io"

	"github.com/lingpai/lingpai/keys"
)

// printSigners compares servers of two builds. Each run has a ratio of its own, of two turns that came right
// after each other.
func (r *result) printSigners(out io.Writer) {
	gain := column{"÷ Go's", 2, func(t turn, p phase) float64 { return p.rate() / t.phase(byGo(p.subject)).rate() },
		false}
	names := func(s subject) string { return s.cells() + "\t" + s.Signer }
	r.printTable(out, workloadTitles+"\tsignatures by", names, signatures, cpu, outside, rate, gain, half,
		nearlyAll, busy, answers, failed)
	var most []float64
	for _, t := range r.Runs {
		most = append(most, t.Signature.microseconds()/t.Library.microseconds())
	}
	fmt.Fprintf(out, "\nOf one signature by Go, %s verified ones by %s can be made: no server gains more.\n",
		spreadOf(most).text(2), keys.BuiltBackend())
}

// byGo is the same with Go's signatures.
func byGo(of subject) subject {
	of.Signer = goSigner
	return of
}
