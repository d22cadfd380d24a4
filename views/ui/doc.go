// Package ui holds the components that every page is built from. A page that uses only these
// needs no CSS of its own.
//
// A page with one form or question is a Panel. It works as a page of its own and in the dialog
// that OpensDialog opens:
//
//	@layout.Settings("Release seat", path.Seats) {
//		@ui.PanelFrame(ui.Panel{
//			Title:  "Release this seat?",
//			Up:     path.Seats, UpLabel: "Seats",
//			Action: path.SeatRelease(p.Seat.ID),
//			Submit: "Release seat", Busy: "Releasing…", Variant: "destructive",
//		}) {
//			<p class="help">The member keeps their account.</p>
//			@ui.TextField(ui.Field{Name: "reason", Label: "Reason", Help: "Optional.", Value: p.Reason, Error: p.Errors.Sentence("reason", "Reason")})
//			@ui.SelectField(ui.Select{Name: "to", Label: "Give it to", Options: p.members(), Value: p.To})
//			@ui.RadioField(ui.RadioGroup{Name: "when", Legend: "When", Value: p.When, Choices: whenChoices})
//		}
//	}
//
// A page with a list is a ListFrame around a table. The list's ListQuery builds the URLs of
// its tabs, sort orders and pages:
//
//	<div class="page">
//		@ui.PageHead("Seats", "Seats let members organize meetings.") {
//			<a class="btn" { ui.OpensDialog(path.NewSeat)... }>Assign seat</a>
//		}
//		@ui.ListFrame(ui.List{
//			ID: "seats", Label: "Seats", Query: p.Query, Search: "Search by name or email",
//			Tabs: p.tabs(), Pages: p.pages(), Summary: p.summary(), Empty: noSeats(p),
//		}) {
//			<table class="table" role="table"> … </table>
//		}
//	</div>
//
// In a table, data-cell says how a cell behaves: "main" holds the link that covers the row,
// "status" and "action" stay at the end of the row, "select" holds a checkbox, and "wide" takes
// a line of its own. Where there is no room for columns, each row becomes a card, and a
// <span class="table-label"> names a value whose column head is hidden.
package ui
