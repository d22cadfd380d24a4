package web

import (
	"encoding/csv"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
)

// portionTimeout is how long a client may take to accept the next rows of a download.
const portionTimeout = 30 * time.Second

// rowsAtOnce is how many rows are sent together.
const rowsAtOnce = 500

// SendCSV sends a table as a file to save, with columns as its first row, as rows hands them to
// send: the table is never in memory as a whole. A cell that a spreadsheet would take for a
// formula gets an apostrophe before it, by which spreadsheets know text. A download that breaks
// off half-way fails in the client, and is not a shorter file.
func SendCSV(c echo.Context, file string, columns []string, rows func(send func(row []string) error) error) error {
	response := c.Response()
	response.Header().Set(echo.HeaderContentType, "text/csv; charset=utf-8")
	response.Header().Set(echo.HeaderContentDisposition, `attachment; filename="`+file+`"`)
	table, sent := csv.NewWriter(response), 0
	control := http.NewResponseController(response)
	send := func(row []string) error {
		if sent%rowsAtOnce == 0 {
			// The time for the whole answer is too short for a long table on a slow line.
			_ = control.SetWriteDeadline(time.Now().Add(portionTimeout)) // a server without deadlines needs none
			table.Flush()
		}
		sent++
		cells := make([]string, len(row))
		for i, cell := range row {
			cells[i] = asText(cell)
		}
		return table.Write(cells)
	}
	if err := send(columns); err != nil {
		return err
	}
	if err := rows(send); err != nil {
		if !response.Committed {
			response.Header().Del(echo.HeaderContentDisposition) // the error is a page, and no file
		}
		return err
	}
	table.Flush()
	return table.Error()
}

// asText keeps spreadsheets from working out a cell (OWASP, CSV injection).
func asText(cell string) string {
	if cell != "" && strings.ContainsRune("=+-@\t\r\n＝＋－＠", []rune(cell)[0]) {
		return "'" + cell
	}
	return cell
}
