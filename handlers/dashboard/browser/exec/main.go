// Exec runs the SQL statements in its standard input on a SQLite file. Browser tests use it to create
// states that no page can create, such as a key from last year.
package main

import (
	"database/sql"
	"io"
	"log"
	"os"

	_ "github.com/ncruces/go-sqlite3/driver"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) != 2 {
		log.Fatal("usage: exec FILE < STATEMENTS")
	}
	if err := exec(os.Args[1]); err != nil {
		log.Fatal(err)
	}
}

func exec(file string) error {
	statements, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	db, err := sql.Open("sqlite3", "file:"+file+"?_pragma=busy_timeout(5000)")
	if err != nil {
		return err
	}
	_, err = db.Exec(string(statements))
	if closeErr := db.Close(); err == nil {
		err = closeErr
	}
	return err
}
