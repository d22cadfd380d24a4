package web

import (
	"archive/zip"
	"encoding/csv"
	"io"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
)

// chunkTimeout limits how long a client may take to accept the next rows of a download.
const chunkTimeout = 30 * time.Second

// chunkRows is the number of rows that are sent together.
const chunkRows = 500

// Table is a table to send. Rows calls send for each row, so that the table is never in memory as a whole.
type Table struct {
	File    string
	Columns []string
	Rows    func(send func(row []string) error) error
}

// SendCSV sends a table as a CSV download; columns is the first row. If rows returns an error midway, the
// download fails in the client instead of ending early.
func SendCSV(c echo.Context, file string, columns []string, rows func(send func(row []string) error) error) error {
	return sendFile(c, "text/csv; charset=utf-8", file, func(response *echo.Response) error {
		return Table{file, columns, rows}.write(response, http.NewResponseController(response))
	})
}

// SendZip sends tables as CSV files in a ZIP archive, as SendCSV does.
func SendZip(c echo.Context, file string, tables []Table) error {
	return sendFile(c, "application/zip", file, func(response *echo.Response) error {
		archive, control := zip.NewWriter(response), http.NewResponseController(response)
		for _, table := range tables {
			entry, err := archive.Create(table.File)
			if err != nil {
				return err
			}
			if err := table.write(entry, control); err != nil {
				return err
			}
		}
		return archive.Close()
	})
}

// sendFile sends a download. If write returns an error before it has written anything, the error is shown as a page.
func sendFile(c echo.Context, contentType, file string, write func(*echo.Response) error) error {
	response := c.Response()
	response.Header().Set(echo.HeaderContentType, contentType)
	response.Header().Set(echo.HeaderContentDisposition, `attachment; filename="`+file+`"`)
	err := write(response)
	if err != nil && !response.Committed {
		response.Header().Del(echo.HeaderContentDisposition)
	}
	return err
}

// write writes the table as CSV. Cells that a spreadsheet would evaluate as a formula are prefixed with an
// apostrophe. The file begins with a byte order mark, without which Excel doesn't read it as UTF-8.
func (t Table) write(to io.Writer, control *http.ResponseController) error {
	table, sent := csv.NewWriter(&markedWriter{to, false}), 0
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
	if err := send(t.Columns); err != nil {
		return err
	}
	if err := t.Rows(send); err != nil {
		return err
	}
	table.Flush()
	return table.Error()
}

// asText keeps spreadsheets from evaluating a cell (OWASP, CSV injection).
func asText(cell string) string {
	if strings.IndexAny(cell, "=+-@\t\r\n＝＋－＠") == 0 {
		return "'" + cell
	}
	return cell
}

// markedWriter writes a byte order mark before the first byte.
type markedWriter struct {
	io.Writer
	marked bool
}

func (w *markedWriter) Write(p []byte) (int, error) {
	if !w.marked {
		if _, err := io.WriteString(w.Writer, "\ufeff"); err != nil {
			return 0, err
		}
		w.marked = true
	}
	return w.Writer.Write(p)
}

// notInFileNames matches what can't be in the name of a file, or needs quotes in a shell.
var notInFileNames = regexp.MustCompile(`[^a-z0-9]+`)

// FileName returns the name of a file from parts, such as the name of a key and a period. It keeps only
// ASCII letters and digits of each part.
func FileName(extension string, parts ...string) string {
	var kept []string
	for _, part := range parts {
		if part = strings.Trim(notInFileNames.ReplaceAllString(strings.ToLower(part), "-"), "-"); part != "" {
			kept = append(kept, part[:min(len(part), 40)])
		}
	}
	return strings.Join(kept, "-") + "." + extension
}
