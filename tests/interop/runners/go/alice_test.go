package alice

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
)

var server struct{ URL string }

// TestMain starts one server for each package: go test runs packages in processes of their own.
func TestMain(m *testing.M) {
	command := exec.Command("cloakroom", "serve", "--test", "--json", "--listen", "127.0.0.1:0", "--exit-with-parent")
	output, err := command.StdoutPipe()
	if err == nil {
		err = command.Start()
	}
	if err == nil {
		err = json.NewDecoder(bufio.NewReader(output)).Decode(&server)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "cloakroom did not start:", err)
		os.Exit(1)
	}
	code := m.Run()
	command.Process.Kill()
	command.Wait()
	os.Exit(code)
}

func send(t *testing.T, method, path, body, token string) *http.Response {
	t.Helper()
	request, err := http.NewRequest(method, server.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("content-type", "application/json")
	if token != "" {
		request.Header.Set("authorization", "Bearer "+token)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { answer.Body.Close() })
	return answer
}

func TestAliceCannotDeleteBob(t *testing.T) {
	send(t, "POST", "/test/reset", "", "")
	var made struct{ Token string }
	if err := json.NewDecoder(send(t, "POST", "/test/token", `{"as": "alice"}`, "").Body).Decode(&made); err != nil {
		t.Fatal(err)
	}
	refused := send(t, "DELETE", "/users/01890a5d-ac96-774b-8000-000000000002", "", made.Token)
	if refused.StatusCode != http.StatusForbidden {
		t.Fatalf("Alice deletes Bob: %s", refused.Status)
	}
}
