package ui

import (
	"strings"
	"testing"
)

func chartOf(totals ...int64) Chart {
	chart := Chart{Label: "Requests", Unit: "request", Series: []Series{{Label: "2xx"}, {Label: "5xx"}}}
	for _, total := range totals {
		chart.Bars = append(chart.Bars, Bar{Label: "Monday", Values: []int64{total, 0}})
	}
	return chart
}

// TestTheAxisEndsAtARoundNumber that no bar is higher than.
func TestTheAxisEndsAtARoundNumber(t *testing.T) {
	for highest, want := range map[int64]int64{0: 1, 1: 1, 2: 2, 3: 4, 7: 8, 9: 10, 10: 10, 11: 20, 410: 500, 801: 1000, 999_999: 1_000_000, 1 << 60: 2_000_000_000_000_000_000} {
		if got := chartOf(0, highest).top(); got != want {
			t.Errorf("for %d the axis ends at %d, want %d", highest, got, want)
		}
	}
}

// TestOneFailureAmongThousandsIsSeen, and no bar grows beyond the picture.
func TestOneFailureAmongThousandsIsSeen(t *testing.T) {
	chart := chartOf(10_000)
	chart.Bars[0].Values[1] = 1
	blocks := chart.blocks(chart.Bars[0])
	if len(blocks) != 2 || blocks[1].Height != "1.50%" {
		t.Errorf("the blocks are %v", blocks)
	}
	chart = chartOf(1000)
	chart.Bars[0].Values[1] = 0
	if blocks := chart.blocks(chart.Bars[0]); len(blocks) != 1 || blocks[0].Y != "0.00%" || blocks[0].Height != "100.00%" {
		t.Errorf("the highest bar is %v", blocks)
	}
}

func TestAChartInWords(t *testing.T) {
	chart := chartOf(3, 1200)
	chart.Bars[1].Values[1] = 1
	if got, want := chart.says(chart.Bars[1]), "Monday: 1,201 requests (1,200 2xx, 1 5xx)"; got != want {
		t.Errorf("a bar says %q, want %q", got, want)
	}
	if got, want := chart.summary(), "Requests: 1,204 requests, most at Monday with 1,201. The table below has all figures."; got != want {
		t.Errorf("the picture says %q, want %q", got, want)
	}
	if got, want := chartOf(0, 0).summary(), "Requests: none"; got != want {
		t.Errorf("an empty picture says %q, want %q", got, want)
	}
}

func TestSparkline(t *testing.T) {
	path := sparkPath([]int64{0, 1, 1000})
	if want := "M0 24v-1h3v1z" + "M4 24v-3h3v3z" + "M8 24v-24h3v24z"; path != want {
		t.Errorf("the path is %s, want %s", path, want)
	}
	if strings.Contains(sparkPath(nil), "M") {
		t.Error("without values there is something")
	}
}
