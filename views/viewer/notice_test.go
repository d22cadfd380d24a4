package viewer_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/skipup/keys/views/viewer"
)

func TestNoticeIsParsedAsItWasStored(t *testing.T) {
	for _, want := range []viewer.Notice{
		{},
		{Text: "Saved"},
		{Text: "Deleted", Link: "/key", LinkLabel: "View receipt"},
		{Text: "Released", Undo: "/seats?member_id=mem_1"},
		{Text: "Paused", Link: "/key", LinkLabel: "View key", Undo: "/resume"},
	} {
		if diff := cmp.Diff(want, viewer.ParseNotice(want.String())); diff != "" {
			t.Errorf("notice (-want +got):\n%s", diff)
		}
	}
}
