package telemetry

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"unicode"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
	"gorm.io/gorm"
)

// database is a plugin of GORM that traces the transactions and statements of requests that are traced. It
// starts no trace of its own, because nodes poll several times per second.
//
// gorm.io/plugin/opentelemetry would start one for each statement, it would not show transactions, and it
// imports the drivers of two more databases.
type database struct{ tracer trace.Tracer }

// Name returns the name of the plugin.
func (database) Name() string { return "telemetry" }

// Initialize installs the plugin.
func (d database) Initialize(db *gorm.DB) error {
	db.ConnPool = &tracedPool{db.ConnPool, d.tracer}
	db.Statement.ConnPool = db.ConnPool
	const begin, end = "telemetry:begin", "telemetry:end"
	do := db.Callback()
	return errors.Join(
		do.Create().Before("gorm:create").Register(begin, d.begin), do.Create().After("gorm:create").Register(end, d.end),
		do.Query().Before("gorm:query").Register(begin, d.begin), do.Query().After("gorm:query").Register(end, d.end),
		do.Update().Before("gorm:update").Register(begin, d.begin), do.Update().After("gorm:update").Register(end, d.end),
		do.Delete().Before("gorm:delete").Register(begin, d.begin), do.Delete().After("gorm:delete").Register(end, d.end),
		do.Row().Before("gorm:row").Register(begin, d.begin), do.Row().After("gorm:row").Register(end, d.end),
		do.Raw().Before("gorm:raw").Register(begin, d.begin), do.Raw().After("gorm:raw").Register(end, d.end),
	)
}

const spanSetting = "telemetry:span"

// begin starts the span of a statement.
func (d database) begin(db *gorm.DB) {
	ctx := db.Statement.Context
	if tx, inTx := db.Statement.ConnPool.(*tracedTx); inTx {
		ctx = trace.ContextWithSpan(ctx, tx.span)
	}
	if trace.SpanFromContext(ctx).IsRecording() {
		_, span := d.tracer.Start(ctx, "statement", trace.WithSpanKind(trace.SpanKindClient))
		db.InstanceSet(spanSetting, span)
	}
}

// end ends the span of a statement. It has the text of the statement, without its values.
func (d database) end(db *gorm.DB) {
	value, traced := db.InstanceGet(spanSetting)
	if !traced {
		return
	}
	span := value.(trace.Span)
	text := strings.TrimSpace(db.Statement.SQL.String())
	operation := text
	if space := strings.IndexFunc(text, unicode.IsSpace); space >= 0 {
		operation = text[:space]
	}
	operation = strings.ToUpper(operation)
	span.SetName(strings.TrimSpace(operation + " " + db.Statement.Table))
	span.SetAttributes(systemOf(db), attribute.String("db.operation.name", operation), attribute.String("db.query.text", text))
	if db.Statement.Table != "" {
		span.SetAttributes(attribute.String("db.collection.name", db.Statement.Table))
	}
	if !errors.Is(db.Error, gorm.ErrRecordNotFound) {
		fail(span, db.Error)
	}
	span.End()
}

// systemOf returns the attribute with the database system.
func systemOf(db *gorm.DB) attribute.KeyValue {
	name := db.Name()
	if name == "postgres" {
		name = "postgresql"
	}
	return attribute.String("db.system.name", name)
}

// fail marks a span as failed if err isn't nil. It adds the type of the error, whose text may contain values.
func fail(span trace.Span, err error) {
	if err != nil {
		span.SetStatus(codes.Error, "")
		span.SetAttributes(attribute.String("error.type", fmt.Sprintf("%T", err)))
	}
}

// tracedPool is a connection pool that traces transactions.
type tracedPool struct {
	gorm.ConnPool
	tracer trace.Tracer
}

// GetDBConn returns the pool to GORM.
func (p *tracedPool) GetDBConn() (*sql.DB, error) {
	connector, known := p.ConnPool.(gorm.GetDBConnector)
	if !known {
		return nil, gorm.ErrInvalidDB
	}
	return connector.GetDBConn()
}

// BeginTx begins a transaction, and a span that ends with it, in which its statements are.
func (p *tracedPool) BeginTx(ctx context.Context, options *sql.TxOptions) (gorm.ConnPool, error) {
	if !trace.SpanFromContext(ctx).IsRecording() {
		return p.begin(ctx, options)
	}
	_, span := p.tracer.Start(ctx, "Store."+storeMethod())
	tx, err := p.begin(ctx, options)
	if err != nil {
		fail(span, err)
		span.End()
		return nil, err
	}
	return &tracedTx{tx, span}, nil
}

func (p *tracedPool) begin(ctx context.Context, options *sql.TxOptions) (gorm.Tx, error) {
	if pool, is := p.ConnPool.(gorm.TxBeginner); is {
		return pool.BeginTx(ctx, options)
	}
	pool, is := p.ConnPool.(gorm.ConnPoolBeginner)
	if !is {
		return nil, gorm.ErrInvalidTransaction
	}
	tx, err := pool.BeginTx(ctx, options)
	if err != nil {
		return nil, err
	}
	return tx.(gorm.Tx), nil
}

// storeMethod returns the name of the method of models.Store that begins a transaction: the first exported one
// that was called.
func storeMethod() string {
	name := "Tx"
	var callers [96]uintptr
	frames := runtime.CallersFrames(callers[:runtime.Callers(2, callers[:])])
	for more := true; more; {
		var frame runtime.Frame
		frame, more = frames.Next()
		if _, called, found := strings.Cut(frame.Function, "/models.(*Store)."); found && unicode.IsUpper(rune(called[0])) {
			name, _, _ = strings.Cut(called, ".") // without the closures in it
		}
	}
	return name
}

// tracedTx is a transaction with its span.
type tracedTx struct {
	gorm.Tx
	span trace.Span
}

// Commit commits the transaction and ends the span.
func (t *tracedTx) Commit() error {
	defer t.span.End()
	err := t.Tx.Commit()
	fail(t.span, err)
	return err
}

// Rollback rolls the transaction back and ends the span.
func (t *tracedTx) Rollback() error {
	defer t.span.End()
	t.span.SetAttributes(attribute.Bool("skipup.rolled_back", true))
	return t.Tx.Rollback()
}
