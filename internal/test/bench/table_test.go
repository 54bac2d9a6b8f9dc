package bench

import (
	"strings"
	"testing"
	"time"
)

func TestTable(t *testing.T) {
	t.Parallel()
	const ms = time.Millisecond
	var out strings.Builder
	err := writeTable(&out, []row{
		{name: "floor", times: times{6 * ms, 4 * ms, 5 * ms}},
		{name: "kept", times: times{9 * ms, 8 * ms}, over: "floor", base: 5 * ms, limit: 2},
		{name: "missed", times: times{11 * ms}, over: "floor", base: 5 * ms, limit: 2},
		{name: "any", times: times{50 * ms}, over: "floor", base: 5 * ms},
		{name: "alone", times: times{20 * ms}, limit: 30},
		{name: "memory", size: 12 << 20, limit: 14},
		{name: "program", size: 15 << 20, limit: 14},
		{name: "not measured", over: "floor"},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := `
|              | median   | least    | ratio         | at most   |
| ---          | ---      | ---      | ---           | ---       |
| floor        | 5.00 ms  | 4.00 ms  |               |           |
| kept         | 8.50 ms  | 8.00 ms  | 1.70 × floor  | 2 kept    |
| missed       | 11.00 ms | 11.00 ms | 2.20 × floor  | 2 MISSED  |
| any          | 50.00 ms | 50.00 ms | 10.00 × floor |           |
| alone        | 20.00 ms | 20.00 ms |               | 30 kept   |
| memory       | 12.0 MiB |          |               | 14 kept   |
| program      | 15.0 MiB |          |               | 14 MISSED |
| not measured | 0.00 ms  | 0.00 ms  |               |           |
`
	if got := "\n" + out.String(); got != want {
		t.Errorf("got:%s\nwant:%s", got, want)
	}
}
