package record

import (
	"strings"
	"testing"
)

func TestID(t *testing.T) {
	const g = "18c1f7a2b3c4d5e6a1b2c3d4e5f60718"
	for _, c := range []struct {
		id   ID
		want string
	}{
		{ID{g, 0, 1, 0}, g + ":0-1"},
		{ID{g, 1 << 40, 1<<40 + 17, 0}, g + ":1099511627776-1099511627793"},
		{ID{g, 5, 10, 3}, g + ":5-10.3"},
	} {
		text := string(c.id.Append(nil))
		if text != c.want {
			t.Errorf("%+v is written %q, want %q", c.id, text, c.want)
		}
		for _, around := range []string{"", `{"level":"info","id":"*","n":1}`, "a:b *", "12:3-4 * and " + g + ":9-10"} {
			in := strings.ReplaceAll(around, "*", text)
			if around == "" {
				in = text
			}
			if got, ok := FindID([]byte(in)); !ok || got != c.id {
				t.Errorf("in %q there is %+v, %v", in, got, ok)
			}
		}
	}
	for _, text := range []string{"", ":", g, g + ":", g + ":1", g + ":1-", g + ":5-4", g + "00:1-2", "abc:1-2", g + ":99999999999999999999-99999999999999999999"} {
		if id, ok := FindID([]byte(text)); ok {
			t.Errorf("%q is %+v", text, id)
		}
	}
}

func FuzzFindID(f *testing.F) {
	f.Add([]byte("18c1f7a2b3c4d5e6a1b2c3d4e5f60718:1-2.3"))
	f.Fuzz(func(t *testing.T, text []byte) {
		id, ok := FindID(text)
		if !ok {
			return
		}
		if again, ok := FindID(id.Append(nil)); !ok || again != id {
			t.Errorf("%+v is read back as %+v", id, again)
		}
	})
}
