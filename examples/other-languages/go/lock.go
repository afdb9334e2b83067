// A lock that lives as long as its connection: it is given back when work returns, and when this process dies.
package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
)

func lock(pool, name string, work func(lost context.Context, fence string) error) error {
	ctx, leave := context.WithCancel(context.Background())
	defer leave() // closes the connection
	address := cmp.Or(os.Getenv("HOLDFAST_URL"), "http://localhost:4653") + "/v1/locks/" + pool + "/" + url.PathEscape(name)
	request, _ := http.NewRequestWithContext(ctx, "POST", address+"/acquire?hold=connection&wait=10s", nil)
	request.Header.Set("Accept", "text/event-stream")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	lines, line, grant := bufio.NewScanner(answer.Body), "", struct{ Fence string }{}
	for !strings.Contains(line, `"fence":`) { // a grant has a fence, a problem a code, and who waits neither
		if line = lines.Text(); strings.Contains(line, `"code":`) || !lines.Scan() {
			return errors.New("not granted: " + line)
		}
	}
	_ = json.Unmarshal([]byte(strings.TrimPrefix(line, "data: ")), &grant)
	go func() { _, _ = io.Copy(io.Discard, answer.Body); leave() }() // the stream's end is the lock's
	return work(ctx, grant.Fence)
}
