package ui

import (
	"math"
	"strconv"
	"strings"
)

// Chart shows numbers over time as stacked bars, and as a table.
type Chart struct {
	ID     string // keeps its place when the page around it is swapped
	Label  string // of the chart
	Unit   string // singular noun of what is counted, such as "request"
	Axis   string // what the axis shows, such as "Requests per day"
	Head   string // of the table's first column
	Series []Series
	Bars   []Bar
}

// Series is a part of each bar. Its tone is "success", "warning", "danger" or empty.
type Series struct{ Label, Tone string }

// Bar is a point in time of a chart, with a value for each series.
type Bar struct {
	Label  string // time in full
	Tick   string // short time, for the axis
	SoFar  bool   // whether the time has not ended
	Values []int64
}

// Total returns the sum of the values.
func (b Bar) Total() (total int64) {
	for _, value := range b.Values {
		total += value
	}
	return total
}

// sumOf returns the sum of a series over all bars.
func (c Chart) sumOf(series int) (sum int64) {
	for _, bar := range c.Bars {
		sum += bar.Values[series]
	}
	return sum
}

func (c Chart) total() (total int64) {
	for _, bar := range c.Bars {
		total += bar.Total()
	}
	return total
}

// summary describes the chart for screen readers.
func (c Chart) summary() string {
	var peak Bar
	for _, bar := range c.Bars {
		if bar.Total() > peak.Total() {
			peak = bar
		}
	}
	if peak.Total() == 0 {
		return c.Label + ": none"
	}
	return c.Label + ". Total " + Count(c.total()) + ". Peak " + Count(peak.Total()) + " on " + peak.Label + ". Full data in the table below."
}

// describe returns the exact numbers of a bar.
func (c Chart) describe(bar Bar) string {
	text := bar.Label + ": " + Plural(bar.Total(), c.Unit)
	if bar.SoFar {
		text += " so far"
	}
	var parts []string
	for i, value := range bar.Values {
		if value > 0 {
			parts = append(parts, Count(value)+" "+c.Series[i].Label)
		}
	}
	if len(parts) > 0 {
		text += " (" + strings.Join(parts, ", ") + ")"
	}
	return text
}

// top returns the end of the axis: the first round number that no bar exceeds.
func (c Chart) top() int64 {
	highest := int64(1)
	for _, bar := range c.Bars {
		highest = max(highest, bar.Total())
	}
	magnitude := int64(math.Pow10(len(strconv.FormatInt(highest, 10)) - 1))
	for _, step := range []int64{1, 2, 4, 5, 8} {
		if step*magnitude >= highest {
			return step * magnitude
		}
	}
	return 10 * magnitude
}

// middle returns the number halfway up the axis, or "" if it is not whole.
func (c Chart) middle() string {
	if top := c.top(); top%2 == 0 {
		return Compact(top / 2)
	}
	return ""
}

// ticks returns evenly spaced labels for the time axis.
func (c Chart) ticks() []string {
	const most = 4
	if len(c.Bars) <= most {
		return ticksOf(c.Bars)
	}
	picked := make([]Bar, most)
	for i := range picked {
		picked[i] = c.Bars[i*(len(c.Bars)-1)/(most-1)]
	}
	return ticksOf(picked)
}

func ticksOf(bars []Bar) []string {
	ticks := make([]string, len(bars))
	for i, bar := range bars {
		ticks[i] = bar.Tick
	}
	return ticks
}

// slot is the horizontal position of a bar.
type slot struct{ X, Width, InnerX, InnerWidth string }

func (c Chart) slot(i int) slot {
	width := 100 / float64(len(c.Bars))
	gap := width / 8
	return slot{percent(float64(i) * width), percent(width), percent(float64(i)*width + gap), percent(width - 2*gap)}
}

// block is the part of a bar for one series.
type block struct{ Tone, Y, Height string }

// visible is the smallest height of a block in percent, about two pixels, so that one failure among
// thousands of requests can be seen.
const visible = 1.2

// blocks returns the parts of a bar, from the bottom up.
func (c Chart) blocks(bar Bar) []block {
	var blocks []block
	ground, top := 100.0, float64(c.top())
	for i, value := range bar.Values {
		if value == 0 {
			continue
		}
		height := math.Max(visible, 100*float64(value)/top)
		ground = math.Max(0, ground-height)
		blocks = append(blocks, block{c.Series[i].Tone, percent(ground), percent(height)})
	}
	return blocks
}

func percent(n float64) string { return strconv.FormatFloat(n, 'f', 2, 64) + "%" }

// Share returns a part of a whole in percent.
func Share(part, whole int64) float64 {
	if whole == 0 {
		return 0
	}
	return 100 * float64(part) / float64(whole)
}

// Width of a sparkline's bar including the gap, height of a sparkline, and the smallest height of a value above zero.
const (
	sparkStep   = 4
	sparkHeight = 24
	sparkLeast  = 3
)

// sparkPath draws values as bars, on a logarithmic scale up to highest: a key with a thousandth of the requests of
// another is lower, and still has a shape. Zero is a dot, so that a day without requests is visible.
func sparkPath(values []int64, highest int64) string {
	var path strings.Builder
	for i, value := range values {
		height := 1
		if value > 0 {
			height = max(sparkLeast, int(math.Round(sparkHeight*math.Log1p(float64(value))/math.Log1p(float64(highest)))))
		}
		path.WriteString("M" + strconv.Itoa(i*sparkStep) + " " + strconv.Itoa(sparkHeight) + "v-" + strconv.Itoa(height) +
			"h3v" + strconv.Itoa(height) + "z")
	}
	return path.String()
}
