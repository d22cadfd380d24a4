package web

import (
	"encoding/csv"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
)

// chunkTimeout limits how long a client may take to accept the next rows of a download.
const chunkTimeout = 30 * time.Second

// chunkRows is the number of rows that are sent together.
const chunkRows = 500

// SendCSV sends a table as a CSV download. The function rows calls send for each row, so that the
// table is never in memory as a whole; columns is the first row. Cells that a spreadsheet would
// evaluate as a formula are prefixed with an apostrophe. If rows returns an error midway, the
// download fails in the client instead of ending early.
func SendCSV(c echo.Context, file string, columns []string, rows func(send func(row []string) error) error) error {
	response := c.Response()
	response.Header().Set(echo.HeaderContentType, "text/csv; charset=utf-8")
	response.Header().Set(echo.HeaderContentDisposition, `attachment; filename="`+file+`"`)
	table, sent := csv.NewWriter(response), 0
	control := http.NewResponseController(response)
	send := func(row []string) error {
		if sent%chunkRows == 0 {
			// The deadline for a whole response is too short for a long table on a slow connection.
			_ = control.SetWriteDeadline(time.Now().Add(chunkTimeout)) // an error means that the server has no deadlines
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
			response.Header().Del(echo.HeaderContentDisposition) // the error is shown as a page
		}
		return err
	}
	table.Flush()
	return table.Error()
}

// asText keeps spreadsheets from evaluating a cell (OWASP, CSV injection).
func asText(cell string) string {
	if cell != "" && strings.ContainsRune("=+-@\t\r\n＝＋－＠", []rune(cell)[0]) {
		return "'" + cell
	}
	return cell
}
