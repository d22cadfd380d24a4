package web

import (
	"log/slog"
	"maps"
	"slices"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// Conditions are the problems that a node currently has: each has a name, and a sentence for operators
// that says what is wrong and what to do. Readiness lists them, and metrics count them. The nil
// Conditions ignores reports.
type Conditions struct {
	log   *slog.Logger
	gauge *prometheus.GaugeVec

	mu        sync.Mutex
	sentences map[string]string
}

// NewConditions returns Conditions without problems, whose metric is among metrics; nil for none.
func NewConditions(metrics *Metrics, log *slog.Logger) *Conditions {
	c := &Conditions{log: log, sentences: map[string]string{}, gauge: prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "skipup_problem", Help: "1 while the node has the problem. The log and /readyz describe it.",
	}, []string{"problem"})}
	if metrics != nil {
		metrics.registry.MustRegister(c.gauge)
	}
	return c
}

// Report sets the sentence about a problem, or ends the problem if the sentence is empty. It logs
// changes only, with further attributes.
func (c *Conditions) Report(problem, sentence string, attributes ...any) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	before := c.sentences[problem]
	switch {
	case sentence == before:
	case sentence == "":
		delete(c.sentences, problem)
		c.log.Info("solved: "+before, append(attributes, "problem", problem)...)
	default:
		c.sentences[problem] = sentence
		c.log.Error(sentence, append(attributes, "problem", problem)...)
	}
	value := 0.0
	if sentence != "" {
		value = 1
	}
	c.gauge.WithLabelValues(problem).Set(value)
}

// Sentences returns the sentences about the current problems, in the order of their names.
func (c *Conditions) Sentences() []string {
	if c == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	sentences := []string{}
	for _, problem := range slices.Sorted(maps.Keys(c.sentences)) {
		sentences = append(sentences, c.sentences[problem])
	}
	return sentences
}
