package ui

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"
	"github.com/a-h/templ"
	"github.com/google/go-cmp/cmp"

	"github.com/skipup/keys/models/modelstest"
)

func chartOf(totals ...int64) Chart {
	chart := Chart{Label: "Requests", Unit: "request", Series: []Series{{Label: "2xx"}, {Label: "5xx"}}}
	for _, total := range totals {
		chart.Bars = append(chart.Bars, Bar{Label: "Monday", Values: []int64{total, 0}})
	}
	return chart
}

func TestChartAxisEndsAtARoundNumber(t *testing.T) {
	for highest, want := range map[int64]int64{0: 1, 1: 1, 2: 2, 3: 4, 7: 8, 9: 10, 10: 10, 11: 20, 410: 500, 801: 1000, 999_999: 1_000_000, 1 << 60: 2_000_000_000_000_000_000} {
		if got := chartOf(0, highest).top(); got != want {
			t.Errorf("for %d the axis ends at %d, want %d", highest, got, want)
		}
	}
}

func TestChartShowsTheSmallestBlock(t *testing.T) {
	chart := chartOf(10_000)
	chart.Bars[0].Values[1] = 1
	blocks := chart.blocks(chart.Bars[0])
	if len(blocks) != 2 || blocks[1].Height != "1.20%" {
		t.Errorf("blocks = %v", blocks)
	}
	chart = chartOf(1000)
	chart.Bars[0].Values[1] = 0
	blocks = chart.blocks(chart.Bars[0])
	if len(blocks) != 1 {
		t.Fatalf("blocks of the highest bar = %v, want one", blocks)
	}
	modelstest.Equal(t, "Y", blocks[0].Y, "0.00%")
	modelstest.Equal(t, "Height", blocks[0].Height, "100.00%")
}

func TestAChartInWords(t *testing.T) {
	chart := chartOf(3, 1200)
	chart.Bars[1].Values[1] = 1
	if got, want := chart.describe(chart.Bars[1]), "Monday: 1,201 requests (1,200 2xx, 1 5xx)"; got != want {
		t.Errorf("a bar says %q, want %q", got, want)
	}
	if got, want := chart.describe(chart.Bars[0]), "Monday: 3 requests (3 2xx)"; got != want {
		t.Errorf("another says %q, want %q", got, want)
	}
	if got, want := chart.summary(), "Requests. Total 1,204. Peak 1,201 on Monday. Full data in the table below."; got != want {
		t.Errorf("the picture says %q, want %q", got, want)
	}
	if got, want := chartOf(0, 0).summary(), "Requests: none"; got != want {
		t.Errorf("an empty picture says %q, want %q", got, want)
	}
}

func TestSparkline(t *testing.T) {
	path := sparkPath([]int64{0, 1, 1000}, 1000)
	if want := "M0 24v-1h3v1z" + "M4 24v-3h3v3z" + "M8 24v-24h3v24z"; path != want {
		t.Errorf("the path is %s, want %s", path, want)
	}
	if strings.Contains(sparkPath(nil, 0), "M") {
		t.Error("sparkPath(nil) draws something")
	}
}

// drawn renders and parses a component.
func drawn(t *testing.T, parts ...templ.Component) *goquery.Document {
	t.Helper()
	var page strings.Builder
	for _, part := range parts {
		if err := part.Render(t.Context(), &page); err != nil {
			t.Fatal(err)
		}
	}
	document, err := goquery.NewDocumentFromReader(strings.NewReader(page.String()))
	if err != nil {
		t.Fatal(err)
	}
	return document
}

// texts returns the text of each element.
func texts(part *goquery.Selection) []string {
	return part.Map(func(_ int, one *goquery.Selection) string { return strings.TrimSpace(one.Text()) })
}

// weekOf returns a chart of seven days.
func weekOf() Chart {
	chart := Chart{ID: "week", Label: "Requests", Unit: "request", Head: "Day", Series: []Series{{"2xx", "success"}, {"4xx", "warning"}, {"5xx", ""}}}
	for i, values := range [][]int64{{30, 10, 0}, {0, 0, 0}, {60, 0, 20}, {0, 5, 0}, {50, 15, 15}, {1, 0, 0}, {7, 7, 7}} {
		chart.Bars = append(chart.Bars, Bar{Label: fmt.Sprintf("Day %d", i+1), Tick: strconv.Itoa(i + 1), Values: values})
	}
	return chart
}

func TestChartAndTableShowTheSame(t *testing.T) {
	chart := weekOf()
	page := drawn(t, ChartFigure(chart), ChartTable(chart))
	number := func(rect *goquery.Selection, name string) float64 {
		n, err := strconv.ParseFloat(strings.TrimSuffix(rect.AttrOr(name, ""), "%"), 64)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		return n
	}
	const top, width = 80.0, 100.0 / 7
	if scale := strings.Join(texts(page.Find(".chart-scale span")), " "); scale != "80 40 0" {
		t.Errorf("scale = %q, want 80 40 0", scale)
	}
	rows := page.Find("tbody tr")
	page.Find("[data-bar]").Each(func(i int, bar *goquery.Selection) {
		row := rows.Eq(rows.Length() - 1 - i) // the latest is the first row
		cells := texts(row.Find("th, td"))
		want := fmt.Sprintf("%s: %s request", cells[0], cells[1])
		if title := bar.Find("title").Text(); !strings.HasPrefix(title, want) {
			t.Errorf("title of bar %d = %q, but its row is %q", i, title, cells)
		}
		slot := bar.Find(".chart-slot")
		if x := number(slot, "x"); math.Abs(x-float64(i)*width) > 0.01 || math.Abs(number(slot, "width")-width) > 0.01 {
			t.Errorf("x of bar %d = %f", i, x)
		}
		ground, block := 100.0, 0
		for series, text := range cells[2:] {
			value, err := strconv.ParseFloat(text, 64)
			if err != nil {
				t.Fatal(err)
			}
			if value != float64(chart.Bars[i].Values[series]) {
				t.Errorf("row of bar %d = %q", i, cells)
			}
			if value == 0 {
				continue
			}
			part := bar.Find(".chart-block").Eq(block)
			block++
			height := max(visible, 100*value/top)
			ground -= height
			if got := number(part, "height"); math.Abs(got-height) > 0.01 {
				t.Errorf("bar %d: height of %s %s = %f, want %f", i, text, chart.Series[series].Label, got, height)
			}
			if got := number(part, "y"); math.Abs(got-ground) > 0.01 {
				t.Errorf("bar %d: y of %s %s = %f, want %f", i, text, chart.Series[series].Label, got, ground)
			}
			modelstest.Equal(t, "tone", part.AttrOr("data-tone", "none"), chart.Series[series].Tone)
			if x, wide := number(part, "x"), number(part, "width"); math.Abs(x-(float64(i)+1.0/8)*width) > 0.01 || math.Abs(wide-width*3/4) > 0.01 {
				t.Errorf("bar %d: block has x = %f, width = %f", i, x, wide)
			}
		}
		if blocks := bar.Find(".chart-block").Length(); blocks != block {
			t.Errorf("bar %d: blocks = %d, want %d", i, blocks, block)
		}
	})
	for selector, want := range map[string]string{
		".chart-legend b": "148 37 42", "tfoot td": "227 148 37 42", "thead th": "Day Total 2xx 4xx 5xx", ".chart-ticks span": "1 3 5 7",
	} {
		if got := strings.Join(texts(page.Find(selector)), " "); got != want {
			t.Errorf("%s: %s, want %s", selector, got, want)
		}
	}
	if says, want := page.Find("svg").AttrOr("aria-label", ""), "Requests. Total 227. Peak 80 on Day 3. Full data in the table below."; says != want {
		t.Errorf("the picture says %q, want %q", says, want)
	}
	if zero := page.Find("td[data-zero]").Length(); zero != 9 {
		t.Errorf("cells marked as zero = %d, want 9", zero)
	}
}

func TestChartTicks(t *testing.T) {
	for bars, want := range map[int]string{1: "[1]", 4: "[1 2 3 4]", 5: "[1 2 3 5]", 24: "[1 8 16 24]", 30: "[1 10 20 30]"} {
		chart := Chart{}
		for i := range bars {
			chart.Bars = append(chart.Bars, Bar{Label: "in full", Tick: strconv.Itoa(i + 1)})
		}
		if got := fmt.Sprint(chart.ticks()); got != want {
			t.Errorf("of %d bars: %s, want %s", bars, got, want)
		}
	}
}

func TestTheMiddleOfTheAxisIsAWholeNumber(t *testing.T) {
	for highest, want := range map[int64]string{1: "", 2: "1", 5: "", 10: "5", 4000: "2K"} {
		if got := chartOf(highest).middle(); got != want {
			t.Errorf("of %d it is %q, want %q", highest, got, want)
		}
	}
}

func TestStackedBlocksStayInTheChart(t *testing.T) {
	chart := chartOf(9_999)
	chart.Bars[0].Values[1] = 1
	if blocks := chart.blocks(chart.Bars[0]); blocks[1].Y != "0.00%" {
		t.Errorf("blocks = %v", blocks)
	}
}

func TestMeterIsAsLongAsTheShare(t *testing.T) {
	for want, share := range map[string]float64{"0.00%": Share(0, 0), "12.50%": Share(1, 8), "100.00%": Share(8, 8)} {
		if got := drawn(t, Meter(share)).Find("rect").AttrOr("width", ""); got != want {
			t.Errorf("it is %s long, want %s", got, want)
		}
	}
	line := drawn(t, Sparkline([]int64{1, 2, 3}, 3, "6 requests")).Find("svg")
	if line.AttrOr("viewbox", line.AttrOr("viewBox", "")) != "0 0 12 24" || line.AttrOr("aria-label", "") != "6 requests" {
		t.Errorf("attributes of the sparkline = %v", line.Nodes[0].Attr)
	}
}

// TestSparklinesShareAScale checks that the same number is as high in each line, a larger one higher, and any higher
// than zero.
func TestSparklinesShareAScale(t *testing.T) {
	const highest = 900_000
	heights := func(values ...int64) (heights []int) {
		t.Helper()
		for _, bar := range regexp.MustCompile(`v-(\d+)h`).FindAllStringSubmatch(drawn(t, Sparkline(values, highest, "")).Find("path").AttrOr("d", ""), -1) {
			height, err := strconv.Atoi(bar[1])
			if err != nil {
				t.Fatal(err)
			}
			heights = append(heights, height)
		}
		return heights
	}
	for _, tt := range []struct {
		name   string
		values []int64
		want   []int
	}{
		{"busy", []int64{highest, highest / 2, 700}, []int{24, 23, 11}},
		{"quiet", []int64{700, 4, 1, 0}, []int{11, 3, 3, 1}},
	} {
		if diff := cmp.Diff(tt.want, heights(tt.values...)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}
